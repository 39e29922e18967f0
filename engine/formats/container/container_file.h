// ContainerFile: a packed container on disk (container_format.h), open for reading. Untrusted.
//
// A container is written under a temporary name and renamed when it is complete, so a name always stands for a whole
// file. Everything read is checked against its chunk's checksum. Read with pread, never mapped.
#ifndef FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_FILE_H_
#define FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/container/container_format.h"
#include "engine/formats/read_only_file.h"

namespace foregate {

// XXH3-64, the checksum of a chunk.
uint64_t ContainerChecksum(std::span<const std::byte> chunk);
// Of all that stands before the payload but the preamble.
uint64_t ContainerHeaderHash(std::string_view directory, std::string_view table, std::span<const uint64_t> checksums);

// Immutable and thread-safe.
class ContainerFile {
 public:
  // NOT_FOUND when there is no such file; INVALID_ARGUMENT or DATA_LOSS naming the file when it is not a whole
  // container of this version.
  static absl::StatusOr<std::unique_ptr<const ContainerFile>> Open(const std::string& path);

  // JSON, not looked at.
  const std::string& directory() const { return directory_; }
  const std::vector<EmbeddedFile>& files() const { return files_; }
  uint64_t payload_bytes() const { return preamble_.payload_bytes; }
  // In the file.
  uint64_t payload_offset() const { return preamble_.payload_offset; }
  const std::string& path() const { return file_->path(); }
  // Bytes [offset, offset + destination.size()) of the payload. DATA_LOSS naming file and chunk when they are not what
  // was written. Needs at most one chunk of memory beside the destination.
  absl::Status Read(uint64_t offset, std::span<std::byte> destination) const;

  uint64_t num_chunks() const { return preamble_.num_chunks(); }
  // Bytes of one chunk.
  uint64_t chunk_bytes(uint64_t chunk) const;
  // For readers of their own: OK when `checksum` is the chunk's, else DATA_LOSS.
  absl::Status CheckChunk(uint64_t chunk, uint64_t checksum) const;

 private:
  ContainerFile(std::unique_ptr<ReadOnlyFile> file, ContainerPreamble preamble, std::string directory,
                std::vector<EmbeddedFile> files, std::vector<uint64_t> checksums);
  absl::Status ReadChunk(uint64_t chunk, std::span<std::byte> destination) const;

  const std::unique_ptr<ReadOnlyFile> file_;
  const ContainerPreamble preamble_;
  const std::string directory_;
  const std::vector<EmbeddedFile> files_;
  const std::vector<uint64_t> checksums_;
};

// The container that `path` means: the file itself when it begins as one, or the only *.fgw in a directory that has
// neither config.json nor a GGUF file. Nothing when there is none; INVALID_ARGUMENT naming two when there are several.
absl::StatusOr<std::optional<std::string>> FindContainer(const std::string& path);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_FILE_H_
