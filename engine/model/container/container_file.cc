#include "engine/model/container/container_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

uint64_t HashOf(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// Of the directory and the checksums.
uint64_t HeaderHash(std::string_view directory, const std::vector<uint64_t>& checksums) {
  const std::span<const std::byte> table = std::as_bytes(std::span(checksums));
  return XXH3_64bits_withSeed(table.data(), table.size(), XXH3_64bits(directory.data(), directory.size()));
}

absl::Status SystemError(const std::string& path, const char* what, int error) {
  const std::string text = path + ": " + what + ": " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ContainerFile>> ContainerFile::Open(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(path));
  std::string bytes(std::min<uint64_t>(kContainerPreambleBytes, file->num_bytes()), '\0');
  FOREGATE_RETURN_IF_ERROR(file->Read(0, std::as_writable_bytes(std::span(bytes))));
  FOREGATE_ASSIGN_OR_RETURN(const ContainerPreamble preamble, ParseContainerPreamble(bytes, file->num_bytes(), path));
  std::string json(preamble.directory_bytes, '\0');
  FOREGATE_RETURN_IF_ERROR(file->Read(kContainerPreambleBytes, std::as_writable_bytes(std::span(json))));
  std::vector<uint64_t> checksums(preamble.num_chunks());
  FOREGATE_RETURN_IF_ERROR(
      file->Read(kContainerPreambleBytes + json.size(), std::as_writable_bytes(std::span(checksums))));
  if (HeaderHash(json, checksums) != preamble.header_hash)
    return absl::DataLossError(path + ": the header's checksum is wrong");
  FOREGATE_ASSIGN_OR_RETURN(ContainerDirectory directory, ParseContainerDirectory(json, preamble.payload_bytes, path));
  return std::unique_ptr<ContainerFile>(
      new ContainerFile(std::move(file), preamble, std::move(directory), std::move(checksums)));
}

ContainerFile::ContainerFile(std::unique_ptr<ReadOnlyFile> file, ContainerPreamble preamble,
                             ContainerDirectory directory, std::vector<uint64_t> checksums)
    : file_(std::move(file)), preamble_(preamble), directory_(std::move(directory)), checksums_(std::move(checksums)) {}

uint64_t ContainerFile::ChunkBytes(uint64_t chunk) const {
  return std::min(kContainerChunkBytes, preamble_.payload_bytes - chunk * kContainerChunkBytes);
}

absl::Status ContainerFile::ReadChunk(uint64_t chunk, std::span<std::byte> destination) const {
  FOREGATE_RETURN_IF_ERROR(file_->Read(preamble_.payload_offset + chunk * kContainerChunkBytes, destination));
  if (HashOf(destination) == checksums_[chunk]) return absl::OkStatus();
  return absl::DataLossError(path() + ": the checksum of chunk " + std::to_string(chunk) + " is wrong");
}

absl::Status ContainerFile::Read(uint64_t offset, std::span<std::byte> destination) {
  FOREGATE_CHECK(offset <= preamble_.payload_bytes && destination.size() <= preamble_.payload_bytes - offset);
  while (!destination.empty()) {
    const uint64_t chunk = offset / kContainerChunkBytes;
    const uint64_t skip = offset % kContainerChunkBytes;
    const uint64_t chunk_bytes = ChunkBytes(chunk);
    const size_t count = std::min<uint64_t>(destination.size(), chunk_bytes - skip);
    if (count == chunk_bytes) {
      FOREGATE_RETURN_IF_ERROR(ReadChunk(chunk, destination.first(count)));
    } else {
      if (partial_chunk_ != chunk) {
        partial_chunk_ = UINT64_MAX;
        partial_.resize(chunk_bytes);
        FOREGATE_RETURN_IF_ERROR(ReadChunk(chunk, partial_));
        partial_chunk_ = chunk;
      }
      std::memcpy(destination.data(), partial_.data() + skip, count);
    }
    offset += count;
    destination = destination.subspan(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ContainerWriter>> ContainerWriter::Create(const std::string& path,
                                                                         ContainerDirectory directory,
                                                                         uint64_t payload_bytes) {
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(temporary, "cannot create", errno);
  return std::unique_ptr<ContainerWriter>(new ContainerWriter(fd, path, std::move(directory), payload_bytes));
}

ContainerWriter::ContainerWriter(int fd, std::string path, ContainerDirectory directory, uint64_t payload_bytes)
    : fd_(fd), path_(std::move(path)), directory_(std::move(directory)) {
  preamble_.payload_bytes = payload_bytes;
  preamble_.directory_bytes = SerializeContainerDirectory(directory_).size();
  const uint64_t header_bytes =
      kContainerPreambleBytes + preamble_.directory_bytes + preamble_.num_chunks() * sizeof(uint64_t);
  preamble_.payload_offset = (header_bytes + kContainerAlignment - 1) / kContainerAlignment * kContainerAlignment;
  pending_.reserve(kContainerChunkBytes);
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
      checksums_.push_back(HashOf(bytes.first(kContainerChunkBytes)));
      bytes = bytes.subspan(kContainerChunkBytes);
      continue;
    }
    const size_t count = std::min<size_t>(bytes.size(), kContainerChunkBytes - pending_.size());
    pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (pending_.size() < kContainerChunkBytes) continue;
    checksums_.push_back(HashOf(pending_));
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

absl::Status ContainerWriter::Finish(const uint64_t (&digest)[2]) {
  HashZerosUntil(preamble_.payload_bytes);
  if (!pending_.empty()) checksums_.push_back(HashOf(pending_));
  pending_.clear();
  FOREGATE_CHECK_EQ(checksums_.size(), preamble_.num_chunks());
  std::copy(std::begin(digest), std::end(digest), std::begin(directory_.digest));
  const std::string json = SerializeContainerDirectory(directory_);
  FOREGATE_CHECK_EQ(json.size(), preamble_.directory_bytes);
  preamble_.header_hash = HeaderHash(json, checksums_);
  const uint64_t file_bytes = preamble_.payload_offset + preamble_.payload_bytes;
  if (::ftruncate(fd_, static_cast<off_t>(file_bytes)) != 0)
    return SystemError(TemporaryPath(), "cannot extend", errno);
  const std::string head = SerializeContainerPreamble(preamble_) + json;
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
