// The directory of a packed container: which part of which weight lies where in the payload, and what the file was made
// from. JSON in the frame of engine/formats/container/container_format.h. Untrusted.
//
// An expert is an ordered list of parts. A part is bytes at a multiple of 4 KiB that direct I/O can read alone:
//
//   whole   one projection's packed matrix
//   base    a matrix that several experts share; each lists it
//   delta   what is added to the base before it, for one expert
//
// Gate, up, down follow each other; a projection is one whole part, or a base and its deltas. The parts that are an
// expert's own are adjacent, so that one request reads them all, padding included.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_DIRECTORY_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/container/container_format.h"
#include "engine/moe/expert_directory.h"
#include "kernels/api/weight_matrix.h"
#include "kernels/base/dtype.h"

namespace foregate {

// The ISA of a layout that serves all of them.
inline constexpr const char* kAnyIsa = "any";

enum class PartKind : uint8_t { kWhole, kBase, kDelta };

// A value.
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
    PartKind kind = PartKind::kWhole;
    Projection projection = Projection::kGate;
    WeightFormat codec = WeightFormat::kF32;
    uint64_t offset = 0;  // in the payload, a multiple of kContainerAlignment
    uint64_t num_bytes = 0;
    uint64_t checksum = 0;  // XXH3-64 of its bytes: a part that is read alone is verified alone
  };
  struct Expert {
    int32_t layer = 0;
    int32_t expert = 0;
    int64_t hidden = 0;
    int64_t width = 0;
    std::vector<Part> parts;
  };

  std::string layout;           // kPackedLayout
  std::string isa;              // whose kernels read the layout: "any", or the one that it was made for
  std::string contract;         // the numeric contract of the backend that it was made for
  std::string source;           // identity of the files that it was made from
  uint64_t digest[2] = {0, 0};  // of the weights and the contract; becomes part of prefix-cache keys
  std::vector<Tensor> tensors;  // in the order of DenseTensors, without a tied lm_head that is the embedding's matrix
  std::vector<Expert> experts;  // in the order of the expert directory

  // Equal in everything but digest and checksums, which are known only when all was read.
  bool DescribesSame(const ContainerDirectory& other) const;
};

// INVALID_ARGUMENT naming `file` and the entry: malformed, beyond the payload, or parts that break the rules above.
absl::StatusOr<ContainerDirectory> ParseContainerDirectory(std::string_view json, uint64_t payload_bytes,
                                                           const std::string& file);
// Always as long as for any other digest and checksums.
std::string SerializeContainerDirectory(const ContainerDirectory& directory);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_DIRECTORY_H_
