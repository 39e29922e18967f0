// The frame of a packed container: where its parts lie and what proves them. Untrusted. What the directory says about
// weights is engine/model/container/container_directory.h.
//
// A container ("model.fgw") holds a model's weights as the kernels want them, so that loading is reading, and the small
// files of the model, so that it can be served without its source:
//
//   0   8 bytes "FOREGATE", u32 version, u32 bytes of the directory, u32 bytes of the table of files, u32 zero,
//       u64 offset and u64 bytes of the payload, u64 XXH3 of directory, table and checksums
//   48  the directory, JSON; the table: u32 count, for each file u32 bytes of its name, the name, u64 offset and u64
//       bytes in the payload; then one u64 XXH3 per 512 KiB of the payload (the last may be shorter)
//   ..  the payload, from a multiple of 4 KiB on: the dense weights as they lie in memory, then the experts' parts,
//       each at a multiple of 4 KiB, then the files
//
// Integers are little-endian.
#ifndef FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_FORMAT_H_
#define FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate {

inline constexpr uint32_t kContainerVersion = 4;
inline constexpr size_t kContainerPreambleBytes = 48;
inline constexpr uint64_t kContainerAlignment = 4096;
inline constexpr uint64_t kContainerChunkBytes = uint64_t{512} << 10;
inline constexpr uint64_t kMaxContainerDirectoryBytes = uint64_t{256} << 20;
inline constexpr const char* kContainerExtension = ".fgw";

inline constexpr size_t kMaxEmbeddedFiles = 256;
inline constexpr size_t kMaxEmbeddedNameBytes = 255;
inline constexpr uint64_t kMaxEmbeddedFileBytes = uint64_t{512} << 20;

struct ContainerPreamble {
  uint64_t directory_bytes = 0;
  uint64_t table_bytes = 0;
  uint64_t payload_offset = 0;
  uint64_t payload_bytes = 0;
  uint64_t header_hash = 0;

  uint64_t num_chunks() const { return (payload_bytes + kContainerChunkBytes - 1) / kContainerChunkBytes; }
  uint64_t checksums_offset() const { return kContainerPreambleBytes + directory_bytes + table_bytes; }
  uint64_t header_bytes() const { return checksums_offset() + num_chunks() * sizeof(uint64_t); }
};

// A small file of the model inside the payload.
struct EmbeddedFile {
  std::string name;  // "tokenizer.json", "additional_chat_templates/tool_use.jinja"
  uint64_t offset = 0;
  uint64_t num_bytes = 0;
  bool operator==(const EmbeddedFile&) const = default;
};

// Of the first 48 bytes. INVALID_ARGUMENT naming `file` for anything that is no container of this version or that does
// not fit into `file_bytes`.
absl::StatusOr<ContainerPreamble> ParseContainerPreamble(std::string_view bytes, uint64_t file_bytes,
                                                         const std::string& file);
std::string SerializeContainerPreamble(const ContainerPreamble& preamble);

// A name that a container may hold: of printable characters, at most one folder deep, no part hidden or ending up.
bool IsEmbeddedFileName(std::string_view name);

// INVALID_ARGUMENT naming `file` and the entry: malformed, twice the same name, or beyond the payload.
absl::StatusOr<std::vector<EmbeddedFile>> ParseEmbeddedFiles(std::string_view table, uint64_t payload_bytes,
                                                             const std::string& file);
std::string SerializeEmbeddedFiles(const std::vector<EmbeddedFile>& files);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_CONTAINER_CONTAINER_FORMAT_H_
