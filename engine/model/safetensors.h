// The header of a safetensors file: which tensor lies where. Untrusted input.
//
// Layout: 8 bytes little-endian header length, a JSON header, then the tensors' bytes without holes or overlaps
// (the format's own reader insists on that too).
#ifndef FOREGATE_ENGINE_MODEL_SAFETENSORS_H_
#define FOREGATE_ENGINE_MODEL_SAFETENSORS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/base/dtype.h"

namespace foregate {

struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  uint64_t offset = 0;  // from the start of the file
  uint64_t num_bytes = 0;
};

// The format's own limit.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
inline constexpr uint64_t kSafetensorsLengthBytes = 8;

// Length of the JSON header from the first 8 bytes; INVALID_ARGUMENT when it exceeds the file or the limit.
absl::StatusOr<uint64_t> SafetensorsHeaderLength(std::string_view first_bytes, uint64_t file_bytes,
                                                 const std::string& file);

// The entries in the order of their offsets. INVALID_ARGUMENT naming file and tensor for malformed entries,
// UNIMPLEMENTED for element types other than F32, BF16, F16 and I32.
absl::StatusOr<std::vector<TensorEntry>> ParseSafetensorsHeader(std::string_view header, uint64_t file_bytes,
                                                                const std::string& file);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_SAFETENSORS_H_
