#include "engine/formats/container/container_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/formats/container/container_file.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status SystemError(const std::string& path, const char* what, int error) {
  const std::string text = path + ": " + what + ": " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

// What a process that died has left is taken over; what another one is writing is not touched.
absl::Status LockAndEmpty(int fd, const std::string& path) {
  struct stat locked = {}, named = {};
  // The name may have become the finished file between opening and locking.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || ::fstat(fd, &locked) != 0 || ::stat(path.c_str(), &named) != 0 ||
      locked.st_ino != named.st_ino)
    return absl::UnavailableError(path + ": another process is writing it");
  if (locked.st_size > 0 && ::ftruncate(fd, 0) != 0) return SystemError(path, "cannot empty", errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ContainerWriter>> ContainerWriter::Create(const std::string& path,
                                                                         uint64_t directory_bytes,
                                                                         const std::vector<EmbeddedFile>& files,
                                                                         uint64_t payload_bytes) {
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(temporary, "cannot create", errno);
  if (const absl::Status empty = LockAndEmpty(fd, temporary); !empty.ok()) {
    ::close(fd);
    return empty;
  }
  return std::unique_ptr<ContainerWriter>(
      new ContainerWriter(fd, path, directory_bytes, SerializeEmbeddedFiles(files), payload_bytes));
}

ContainerWriter::ContainerWriter(int fd, std::string path, uint64_t directory_bytes, std::string table,
                                 uint64_t payload_bytes)
    : fd_(fd), path_(std::move(path)), table_(std::move(table)) {
  FOREGATE_CHECK_LE(directory_bytes, kMaxContainerDirectoryBytes);
  preamble_.payload_bytes = payload_bytes;
  preamble_.directory_bytes = directory_bytes;
  preamble_.table_bytes = table_.size();
  preamble_.payload_offset =
      (preamble_.header_bytes() + kContainerAlignment - 1) / kContainerAlignment * kContainerAlignment;
  pending_.reserve(kContainerChunkBytes);
  checksums_.reserve(preamble_.num_chunks());
}

ContainerWriter::~ContainerWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(TemporaryPath().c_str());
}

absl::Status ContainerWriter::WriteAt(uint64_t file_offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(file_offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(TemporaryPath(), "cannot write", errno);
    file_offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

void ContainerWriter::Hash(std::span<const std::byte> bytes) {
  position_ += bytes.size();
  while (!bytes.empty()) {
    if (pending_.empty() && bytes.size() >= kContainerChunkBytes) {
      checksums_.push_back(ContainerChecksum(bytes.first(kContainerChunkBytes)));
      bytes = bytes.subspan(kContainerChunkBytes);
      continue;
    }
    const size_t count = std::min<size_t>(bytes.size(), kContainerChunkBytes - pending_.size());
    pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (pending_.size() < kContainerChunkBytes) continue;
    checksums_.push_back(ContainerChecksum(pending_));
    pending_.clear();
  }
}

void ContainerWriter::HashZerosUntil(uint64_t offset) {
  const std::vector<std::byte> zeros(std::min(kContainerChunkBytes, offset - position_));
  while (position_ < offset) Hash(std::span(zeros).first(std::min<size_t>(zeros.size(), offset - position_)));
}

absl::Status ContainerWriter::Append(uint64_t offset, std::span<const std::byte> bytes) {
  FOREGATE_CHECK(offset >= position_ && offset + bytes.size() <= preamble_.payload_bytes);
  HashZerosUntil(offset);
  Hash(bytes);
  return WriteAt(preamble_.payload_offset + offset, bytes);
}

absl::Status ContainerWriter::Finish(const std::string& directory) {
  HashZerosUntil(preamble_.payload_bytes);
  if (!pending_.empty()) checksums_.push_back(ContainerChecksum(pending_));
  pending_.clear();
  FOREGATE_CHECK_EQ(checksums_.size(), preamble_.num_chunks());
  FOREGATE_CHECK_EQ(directory.size(), preamble_.directory_bytes);
  preamble_.header_hash = ContainerHeaderHash(directory, table_, checksums_);
  if (::ftruncate(fd_, static_cast<off_t>(file_bytes())) != 0)
    return SystemError(TemporaryPath(), "cannot extend", errno);
  const std::string head = SerializeContainerPreamble(preamble_) + directory + table_;
  FOREGATE_RETURN_IF_ERROR(WriteAt(0, std::as_bytes(std::span(head))));
  FOREGATE_RETURN_IF_ERROR(WriteAt(head.size(), std::as_bytes(std::span(checksums_))));
  if (::fsync(fd_) != 0) return SystemError(TemporaryPath(), "cannot sync", errno);
  if (::rename(TemporaryPath().c_str(), path_.c_str()) != 0) return SystemError(path_, "cannot rename to", errno);
  ::close(fd_);
  fd_ = -1;
  // The name is durable once its directory is; a crash before that costs one packing.
  const std::string folder = path_.substr(0, path_.rfind('/') + 1);
  const int folder_fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    ::fsync(folder_fd);
    ::close(folder_fd);
  }
  return absl::OkStatus();
}

}  // namespace foregate
