// A regular file, read at offsets. Untrusted: it may shrink while it is open.
//
// Bytes are read with pread into memory of the caller's, never mapped: a file that shrinks is an error, not a SIGBUS.
// Thread-safe (reads have no shared state).
#ifndef FOREGATE_ENGINE_FORMATS_READ_ONLY_FILE_H_
#define FOREGATE_ENGINE_FORMATS_READ_ONLY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

class ReadOnlyFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (not a regular file) naming the path.
  static absl::StatusOr<std::unique_ptr<ReadOnlyFile>> Open(const std::string& path);
  ~ReadOnlyFile();
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

  // Size when it was opened.
  uint64_t num_bytes() const { return num_bytes_; }
  const std::string& path() const { return path_; }
  // DATA_LOSS when the file ends before `destination` is full.
  absl::Status Read(uint64_t offset, std::span<std::byte> destination) const;
  // The whole file; INVALID_ARGUMENT when it is longer than `max_bytes`.
  absl::StatusOr<std::string> ReadText(uint64_t max_bytes) const;

 private:
  ReadOnlyFile(int fd, uint64_t num_bytes, std::string path);
  const int fd_;
  const uint64_t num_bytes_;
  const std::string path_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_READ_ONLY_FILE_H_
