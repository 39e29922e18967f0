// PartFile: a file that is written beside its place, as PATH.part, and takes it when it is whole, so that what stood
// there before is lost to no failure.
#ifndef FOREGATE_CLIENT_CLI_PART_FILE_H_
#define FOREGATE_CLIENT_CLI_PART_FILE_H_

#include <fstream>
#include <string>

#include "absl/status/status.h"

namespace foregate {

// Used from one thread. Where PATH is there and no regular file (a pipe, a device), it is written to at once.
class PartFile {
 public:
  explicit PartFile(const std::string& path);
  // Removes an unfinished part unless it was there before, another process's perhaps, or is kept.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // Whether it can be written: INVALID_ARGUMENT naming the file. Nothing has been changed yet.
  absl::Status status() const { return status_; }
  // Whatever an older part held goes with the first bytes.
  void Write(const std::string& bytes);
  int64_t num_bytes() const { return num_bytes_; }
  // Moves it to its place. UNKNOWN naming the file when it could not be written completely; it is kept then.
  absl::Status Finish();
  // Leaves what was written where it is; that place.
  const std::string& Keep();

 private:
  void Begin();

  const std::string path_;
  std::string part_;
  std::ofstream file_;
  absl::Status status_;
  bool is_ours_ = false;
  bool has_begun_ = false;
  int64_t num_bytes_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_PART_FILE_H_
