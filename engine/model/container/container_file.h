// ContainerFile and ContainerWriter: packed containers on disk (container_header.h).
//
// A container is written under a temporary name and renamed when it is complete, so a name always stands for a whole
// file. Everything read is checked against its chunk's checksum.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_FILE_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_header.h"

namespace foregate {

// Thread-compatible.
class ContainerFile {
 public:
  // NOT_FOUND when there is no such file; INVALID_ARGUMENT or DATA_LOSS naming the file when it is not a whole
  // container of this version.
  static absl::StatusOr<std::unique_ptr<ContainerFile>> Open(const std::string& path);

  const ContainerDirectory& directory() const { return directory_; }
  uint64_t payload_bytes() const { return preamble_.payload_bytes; }
  const std::string& path() const { return file_->path(); }
  // Bytes [offset, offset + destination.size()) of the payload. DATA_LOSS naming file and chunk when they are not what
  // was written.
  absl::Status Read(uint64_t offset, std::span<std::byte> destination);

 private:
  ContainerFile(std::unique_ptr<ReadOnlyFile> file, ContainerPreamble preamble, ContainerDirectory directory,
                std::vector<uint64_t> checksums);
  uint64_t ChunkBytes(uint64_t chunk) const;
  absl::Status ReadChunk(uint64_t chunk, std::span<std::byte> destination) const;

  std::unique_ptr<ReadOnlyFile> file_;
  const ContainerPreamble preamble_;
  const ContainerDirectory directory_;
  const std::vector<uint64_t> checksums_;
  // The chunk that was read in part last.
  std::vector<std::byte> partial_;
  uint64_t partial_chunk_ = UINT64_MAX;
};

// One writer per path at a time is the caller's business (ContainerCache locks). Thread-compatible.
class ContainerWriter {
 public:
  // Creates `path`.tmp. `directory.digest` may still change. The error of the file system, naming the file.
  static absl::StatusOr<std::unique_ptr<ContainerWriter>> Create(const std::string& path, ContainerDirectory directory,
                                                                 uint64_t payload_bytes);
  // Removes what is not finished.
  ~ContainerWriter();
  ContainerWriter(const ContainerWriter&) = delete;
  ContainerWriter& operator=(const ContainerWriter&) = delete;

  // Writes bytes of the payload; offsets ascend, and what is left out is zero. RESOURCE_EXHAUSTED when the disk is
  // full.
  absl::Status Append(uint64_t offset, std::span<const std::byte> bytes);
  // Writes the header, makes all of it durable and gives it its name.
  absl::Status Finish(const uint64_t (&digest)[2]);

 private:
  ContainerWriter(int fd, std::string path, ContainerDirectory directory, uint64_t payload_bytes);
  absl::Status WriteAt(uint64_t file_offset, std::span<const std::byte> bytes) const;
  void Hash(std::span<const std::byte> bytes);
  void HashZerosUntil(uint64_t offset);
  std::string TemporaryPath() const { return path_ + ".tmp"; }

  int fd_;
  const std::string path_;
  ContainerDirectory directory_;
  ContainerPreamble preamble_;
  std::vector<uint64_t> checksums_;
  uint64_t position_ = 0;           // payload bytes hashed so far
  std::vector<std::byte> pending_;  // of the chunk that is not full
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_FILE_H_
