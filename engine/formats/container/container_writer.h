// ContainerWriter: makes a packed container (container_format.h) under a temporary name, in ascending order.
#ifndef FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_WRITER_H_
#define FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/container/container_format.h"

namespace foregate {

// One thread at a time. Memory: one chunk, and 8 bytes for each.
class ContainerWriter {
 public:
  // Creates `path`.tmp, for a directory of `directory_bytes`. The error of the file system, naming the file;
  // UNAVAILABLE when another process is writing it.
  static absl::StatusOr<std::unique_ptr<ContainerWriter>> Create(const std::string& path, uint64_t directory_bytes,
                                                                 const std::vector<EmbeddedFile>& files,
                                                                 uint64_t payload_bytes);
  // Removes what is not finished.
  ~ContainerWriter();
  ContainerWriter(const ContainerWriter&) = delete;
  ContainerWriter& operator=(const ContainerWriter&) = delete;

  // Writes bytes of the payload; offsets ascend, and what is left out is zero. RESOURCE_EXHAUSTED when the disk is
  // full.
  absl::Status Append(uint64_t offset, std::span<const std::byte> bytes);
  // Writes the header, with a directory of the promised length, makes all of it durable and gives it its name.
  absl::Status Finish(const std::string& directory);
  // Of the finished file.
  uint64_t file_bytes() const { return preamble_.payload_offset + preamble_.payload_bytes; }

 private:
  ContainerWriter(int fd, std::string path, uint64_t directory_bytes, std::string table, uint64_t payload_bytes);
  absl::Status WriteAt(uint64_t file_offset, std::span<const std::byte> bytes) const;
  void Hash(std::span<const std::byte> bytes);
  void HashZerosUntil(uint64_t offset);
  std::string TemporaryPath() const { return path_ + ".tmp"; }

  int fd_;
  const std::string path_;
  const std::string table_;
  ContainerPreamble preamble_;
  std::vector<uint64_t> checksums_;
  uint64_t position_ = 0;           // payload bytes hashed so far
  std::vector<std::byte> pending_;  // of the chunk that is not full
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_WRITER_H_
