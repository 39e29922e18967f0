#include "client/cli/part_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace foregate {

PartFile::PartFile(const std::string& path) : path_(path) {
  std::error_code ignored;
  const std::filesystem::file_status found = std::filesystem::status(path, ignored);
  const bool is_direct = std::filesystem::exists(found) && !std::filesystem::is_regular_file(found);
  part_ = is_direct ? path : path + ".part";
  is_ours_ = !std::filesystem::exists(part_, ignored);
  file_.open(part_, std::ios::binary | std::ios::app);
  if (!file_.is_open()) status_ = absl::InvalidArgumentError("cannot write " + part_ + ": " + std::strerror(errno));
}

PartFile::~PartFile() {
  std::error_code ignored;
  if (is_ours_ && file_.is_open()) std::filesystem::remove(part_, ignored);
}

void PartFile::Begin() {
  if (has_begun_) return;
  has_begun_ = true;
  std::error_code ignored;
  if (part_ == path_) return;
  is_ours_ = true;
  std::filesystem::resize_file(part_, 0, ignored);
}

void PartFile::Write(const std::string& bytes) {
  Begin();
  file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  num_bytes_ += static_cast<int64_t>(bytes.size());
}

absl::Status PartFile::Finish() {
  Begin();
  file_.close();
  if (file_.fail()) return absl::UnknownError("cannot write " + part_ + " completely");
  std::error_code error;
  if (part_ != path_) std::filesystem::rename(part_, path_, error);
  if (error) return absl::UnknownError("cannot move " + part_ + " to " + path_ + ": " + error.message());
  return absl::OkStatus();
}

const std::string& PartFile::Keep() {
  file_.close();
  return part_;
}

}  // namespace foregate
