#include "engine/formats/read_only_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status SystemError(const std::string& path, const char* action, int error) {
  const std::string message = path + ": " + action + ": " + std::strerror(error);
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

}  // namespace

ReadOnlyFile::ReadOnlyFile(int fd, uint64_t num_bytes, std::string path)
    : fd_(fd), num_bytes_(num_bytes), path_(std::move(path)) {}

ReadOnlyFile::~ReadOnlyFile() { ::close(fd_); }

absl::StatusOr<std::unique_ptr<ReadOnlyFile>> ReadOnlyFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError(path, "cannot open", errno);
  struct stat status = {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return absl::InvalidArgumentError(path + ": not a regular file");
  }
  return std::unique_ptr<ReadOnlyFile>(new ReadOnlyFile(fd, static_cast<uint64_t>(status.st_size), path));
}

absl::Status ReadOnlyFile::Read(uint64_t offset, std::span<std::byte> destination) const {
  while (!destination.empty()) {
    const ssize_t count = ::pread(fd_, destination.data(), destination.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(path_, "cannot read", errno);
    if (count == 0)
      return absl::DataLossError(path_ + ": ends at byte " + std::to_string(offset) + ", was " +
                                 std::to_string(num_bytes_) + " bytes long: it shrank while being read");
    destination = destination.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadOnlyFile::ReadText(uint64_t max_bytes) const {
  if (num_bytes_ > max_bytes)
    return absl::InvalidArgumentError(path_ + ": " + std::to_string(num_bytes_) + " bytes, limit " +
                                      std::to_string(max_bytes));
  std::string text(num_bytes_, '\0');
  FOREGATE_RETURN_IF_ERROR(Read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace foregate
