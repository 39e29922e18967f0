// The header of a packed container: which part of which weight lies where, and what the file was made from. Untrusted.
//
// A container ("model.fgw") holds a model's weights as the kernels want them, so that loading is reading:
//
//   0   8 bytes "FOREGATE", u32 version, u32 bytes of the directory, u64 offset and u64 bytes of the payload,
//       u64 XXH3 of the directory and the checksums
//   40  the directory, JSON; then one u64 XXH3 per 512 KiB of the payload (the last may be shorter)
//   ..  the payload, from a multiple of 4 KiB on: the dense weights as they lie in memory, then one block per expert,
//       each at a multiple of 4 KiB, its parts adjacent
//
// Integers are little-endian. A part has a kind ("whole"; a base shared by experts and deltas are to come), so an
// expert is an ordered list of parts, each of which can be read alone.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_HEADER_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_HEADER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/expert_directory.h"
#include "kernels/api/weight_matrix.h"
#include "kernels/base/dtype.h"

namespace foregate {

inline constexpr uint32_t kContainerVersion = 1;
inline constexpr size_t kContainerPreambleBytes = 40;
inline constexpr uint64_t kContainerAlignment = 4096;
inline constexpr uint64_t kContainerChunkBytes = uint64_t{512} << 10;
inline constexpr uint64_t kMaxContainerDirectoryBytes = uint64_t{256} << 20;

struct ContainerPreamble {
  uint64_t directory_bytes = 0;
  uint64_t payload_offset = 0;
  uint64_t payload_bytes = 0;
  uint64_t header_hash = 0;

  uint64_t num_chunks() const { return (payload_bytes + kContainerChunkBytes - 1) / kContainerChunkBytes; }
};

// What the directory says.
struct ContainerDirectory {
  struct Tensor {
    std::string name;  // of the checkpoint
    DType stored = DType::kF32;
    std::vector<int64_t> shape;
    std::optional<WeightFormat> format;  // of a packed matrix; absent: stored as it was
    uint64_t offset = 0;                 // in the payload
    uint64_t num_bytes = 0;
    bool operator==(const Tensor&) const = default;
  };
  struct Part {
    WeightFormat format = WeightFormat::kF32;
    uint64_t offset = 0;
    uint64_t num_bytes = 0;
    bool operator==(const Part&) const = default;
  };
  struct Expert {
    int32_t layer = 0;
    int32_t expert = 0;
    int64_t hidden = 0;
    int64_t width = 0;
    std::array<Part, 3> parts;  // gate, up, down
    bool operator==(const Expert&) const = default;
  };

  std::string layout;           // kPackedLayout
  std::string contract;         // the backend's numeric contract
  std::string source;           // identity of the files that it was made from
  uint64_t digest[2] = {0, 0};  // of the loaded weights; becomes part of prefix-cache keys
  std::vector<Tensor> tensors;  // in the order of DenseTensors
  std::vector<Expert> experts;  // in the order of the expert directory

  // Equal in everything but the digest, which is known only when all was read.
  bool DescribesSame(const ContainerDirectory& other) const;
};

// Of the first 40 bytes. INVALID_ARGUMENT naming `file` for anything that is no container of this version or that does
// not fit into `file_bytes`.
absl::StatusOr<ContainerPreamble> ParseContainerPreamble(std::string_view bytes, uint64_t file_bytes,
                                                         const std::string& file);
std::string SerializeContainerPreamble(const ContainerPreamble& preamble);

// INVALID_ARGUMENT naming `file` and the entry: malformed, or beyond the payload.
absl::StatusOr<ContainerDirectory> ParseContainerDirectory(std::string_view json, uint64_t payload_bytes,
                                                           const std::string& file);
// Always as long as for any other digest.
std::string SerializeContainerDirectory(const ContainerDirectory& directory);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_HEADER_H_
