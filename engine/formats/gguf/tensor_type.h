// The element types of GGUF tensors: names, ids and block sizes. Facts of the format.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_TENSOR_TYPE_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_TENSOR_TYPE_H_

#include <cstdint>

namespace foregate {

// Values are the ids in the files. The types that can be read (engine/formats/gguf/dequantize.h).
enum class GgufTensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIq4Nl = 20,
  kBf16 = 30,
  kMxfp4 = 39,
};

// A row is a whole number of blocks; each block holds `block_elements` consecutive elements in `block_bytes`.
struct GgufBlockSize {
  uint32_t block_elements = 0;
  uint32_t block_bytes = 0;
};

// True for the ids of GgufTensorType.
bool IsReadableGgufType(uint32_t id);
// As llama.cpp spells it ("Q4_K"), also for types that cannot be read; null for an id that the format does not define.
const char* GgufTypeName(uint32_t id);
inline const char* GgufTypeName(GgufTensorType type) { return GgufTypeName(static_cast<uint32_t>(type)); }

GgufBlockSize BlockSizeOf(GgufTensorType type);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_TENSOR_TYPE_H_
