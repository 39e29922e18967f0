// From the blocks of a GGUF tensor to f32, to the bit what ggml's own reference gives (tests hold it to gguf-py).
//
// Every product and sum rounds once, in the order of the format's definition; 16-bit floats widen exactly.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_DEQUANTIZE_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_DEQUANTIZE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/formats/gguf/tensor_type.h"

namespace foregate {

// `blocks`: a whole number of blocks of `type`, of any alignment; `values` has room for exactly their elements.
// A pure function; any bytes are a valid input.
void DequantizeGguf(GgufTensorType type, std::span<const std::byte> blocks, std::span<float> values);

// The same values as integers with one scale for 32 of them: value = scale * integer, exactly. For types that are made
// that way, Q8_0 (integers in [-128, 127]), Q5_0 ([-16, 15]) and Q4_0 ([-8, 7]); false for others, and nothing is
// written. `integers` has room for the blocks' elements, `scales` (f16 bits) for one of each block.
bool SplitGguf(GgufTensorType type, std::span<const std::byte> blocks, std::span<int8_t> integers,
               std::span<uint16_t> scales);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_DEQUANTIZE_H_
