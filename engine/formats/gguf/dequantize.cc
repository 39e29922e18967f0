#include "engine/formats/gguf/dequantize.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/base/check.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

// All blocks are packed structures of bytes: nothing in a file is aligned.
uint8_t Byte(const std::byte* bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

uint16_t Word(const std::byte* bytes) {
  uint16_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

float Half(const std::byte* bytes) { return F16ToF32(Word(bytes)); }

// What the nibbles of IQ4_NL stand for.
constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// What the nibbles of MXFP4 (e2m1) stand for, doubled to be integers.
constexpr int8_t kE2m1Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// Half of the power of two that an e8m0 exponent stands for: it meets the doubled values above. The two smallest are
// subnormal.
float HalvedE8m0(uint8_t exponent) {
  return std::bit_cast<float>(exponent < 2 ? uint32_t{0x00200000} << exponent : (uint32_t{exponent} - 1) << 23);
}

void F32Block(const std::byte* block, float* values) { std::memcpy(values, block, sizeof(float)); }
void F16Block(const std::byte* block, float* values) { *values = Half(block); }
void Bf16Block(const std::byte* block, float* values) { *values = Bf16ToF32(Word(block)); }

// Sixteen bytes hold 32 nibbles: the low ones are elements 0 to 15, the high ones 16 to 31.
template <typename Value>
void Nibbles(const std::byte* nibbles, float* values, const Value& value) {
  for (int i = 0; i < 16; ++i) {
    values[i] = value(Byte(nibbles, i) & 0xf, i);
    values[i + 16] = value(Byte(nibbles, i) >> 4, i + 16);
  }
}

// f16 scale, nibbles; value - 8.
void Q4_0Block(const std::byte* block, float* values) {
  const float scale = Half(block);
  Nibbles(block + 2, values, [&](int nibble, int) { return scale * static_cast<float>(nibble - 8); });
}

// f16 scale, f16 minimum, nibbles.
void Q4_1Block(const std::byte* block, float* values) {
  const float scale = Half(block);
  const float minimum = Half(block + 2);
  Nibbles(block + 4, values, [&](int nibble, int) { return scale * static_cast<float>(nibble) + minimum; });
}

// f16 scale, u32 of the fifth bits, nibbles; value - 16.
void Q5_0Block(const std::byte* block, float* values) {
  const float scale = Half(block);
  const uint32_t high = Word(block + 2) | static_cast<uint32_t>(Word(block + 4)) << 16;
  Nibbles(block + 6, values, [&](int nibble, int i) {
    return scale * static_cast<float>((nibble | static_cast<int>(high >> i & 1u) << 4) - 16);
  });
}

// f16 scale, f16 minimum, u32 of the fifth bits, nibbles.
void Q5_1Block(const std::byte* block, float* values) {
  const float scale = Half(block);
  const float minimum = Half(block + 2);
  const uint32_t high = Word(block + 4) | static_cast<uint32_t>(Word(block + 6)) << 16;
  Nibbles(block + 8, values, [&](int nibble, int i) {
    return scale * static_cast<float>(nibble | static_cast<int>(high >> i & 1u) << 4) + minimum;
  });
}

// f16 scale, 32 int8.
void Q8_0Block(const std::byte* block, float* values) {
  const float scale = Half(block);
  for (int i = 0; i < 32; ++i) values[i] = static_cast<float>(static_cast<int8_t>(Byte(block, 2 + i))) * scale;
}

// f16 scale, nibbles that index a table.
void Iq4NlBlock(const std::byte* block, float* values) {
  const float scale = Half(block);
  Nibbles(block + 2, values, [&](int nibble, int) { return scale * static_cast<float>(kIq4Values[nibble]); });
}

// e8m0 scale, nibbles that index a table.
void Mxfp4Block(const std::byte* block, float* values) {
  const float scale = HalvedE8m0(Byte(block, 0));
  Nibbles(block + 1, values, [&](int nibble, int) { return scale * static_cast<float>(kE2m1Values[nibble]); });
}

// The scale and minimum, six bits each, of one of the eight groups of 32 of a Q4_K or Q5_K block. The twelve bytes:
// four of scales 0-3, four of minima 0-3 (six low bits), four with the low nibbles of scale and minimum 4-7, whose two
// high bits are the top bits of the first eight bytes.
struct KScale {
  float scale;
  float minimum;
};

KScale ScaleOfGroup(const std::byte* scales, int group) {
  if (group < 4)
    return {static_cast<float>(Byte(scales, group) & 63), static_cast<float>(Byte(scales, group + 4) & 63)};
  const uint8_t low = Byte(scales, group + 4);
  return {static_cast<float>((low & 0xf) | (Byte(scales, group - 4) >> 6) << 4),
          static_cast<float>((low >> 4) | (Byte(scales, group) >> 6) << 4)};
}

// f16 scale of scales, f16 scale of minima, 12 bytes of scales and minima, 128 of nibbles: each 32 bytes hold one group
// in their low nibbles and the next one in their high ones.
void Q4_KBlock(const std::byte* block, float* values) {
  const float scales = Half(block);
  const float minima = Half(block + 2);
  for (int group = 0; group < 8; ++group) {
    const KScale k = ScaleOfGroup(block + 4, group);
    const float scale = scales * k.scale;
    const float minimum = minima * k.minimum;
    const std::byte* nibbles = block + 16 + 32 * (group / 2);
    const int shift = 4 * (group % 2);
    for (int i = 0; i < 32; ++i)
      values[32 * group + i] = scale * static_cast<float>(Byte(nibbles, i) >> shift & 0xf) - minimum;
  }
}

// As Q4_K, with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to element i of group g.
void Q5_KBlock(const std::byte* block, float* values) {
  const float scales = Half(block);
  const float minima = Half(block + 2);
  for (int group = 0; group < 8; ++group) {
    const KScale k = ScaleOfGroup(block + 4, group);
    const float scale = scales * k.scale;
    const float minimum = minima * k.minimum;
    const std::byte* nibbles = block + 48 + 32 * (group / 2);
    const int shift = 4 * (group % 2);
    for (int i = 0; i < 32; ++i) {
      const int value = (Byte(nibbles, i) >> shift & 0xf) | (Byte(block + 16, i) >> group & 1) << 4;
      values[32 * group + i] = scale * static_cast<float>(value) - minimum;
    }
  }
}

// 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales (one for 16 elements), f16 scale of scales; value
// - 32. A half of 128 elements takes 64 bytes of nibbles (elements 0-63 low, 64-127 high) and 32 bytes of pairs
// (elements 0-31 in the lowest pair, ...).
void Q6_KBlock(const std::byte* block, float* values) {
  const float scale_of_scales = Half(block + 208);
  for (int group = 0; group < 16; ++group) {
    const float scale = scale_of_scales * static_cast<float>(static_cast<int8_t>(Byte(block, 192 + group)));
    const int half = group / 8;
    for (int i = 0; i < 16; ++i) {
      const int place = 16 * (group % 8) + i;  // in the half
      const int low = Byte(block, 64 * half + place % 64) >> 4 * (place / 64) & 0xf;
      const int high = Byte(block, 128 + 32 * half + place % 32) >> 2 * (place / 32) & 3;
      values[16 * group + i] = scale * static_cast<float>((low | high << 4) - 32);
    }
  }
}

using BlockReader = void (*)(const std::byte* block, float* values);

BlockReader ReaderOf(GgufTensorType type) {
  switch (type) {
    case GgufTensorType::kF32:
      return F32Block;
    case GgufTensorType::kF16:
      return F16Block;
    case GgufTensorType::kBf16:
      return Bf16Block;
    case GgufTensorType::kQ4_0:
      return Q4_0Block;
    case GgufTensorType::kQ4_1:
      return Q4_1Block;
    case GgufTensorType::kQ5_0:
      return Q5_0Block;
    case GgufTensorType::kQ5_1:
      return Q5_1Block;
    case GgufTensorType::kQ8_0:
      return Q8_0Block;
    case GgufTensorType::kQ4_K:
      return Q4_KBlock;
    case GgufTensorType::kQ5_K:
      return Q5_KBlock;
    case GgufTensorType::kQ6_K:
      return Q6_KBlock;
    case GgufTensorType::kIq4Nl:
      return Iq4NlBlock;
    case GgufTensorType::kMxfp4:
      return Mxfp4Block;
  }
  return nullptr;
}

}  // namespace

void DequantizeGguf(GgufTensorType type, std::span<const std::byte> blocks, std::span<float> values) {
  const BlockReader reader = ReaderOf(type);
  FOREGATE_CHECK(reader != nullptr);
  const GgufBlockSize size = BlockSizeOf(type);
  FOREGATE_CHECK_EQ(blocks.size() % size.block_bytes, 0u);
  FOREGATE_CHECK_EQ(blocks.size() / size.block_bytes * size.block_elements, values.size());
  const size_t num_blocks = blocks.size() / size.block_bytes;
  for (size_t i = 0; i < num_blocks; ++i)
    reader(blocks.data() + i * size.block_bytes, values.data() + i * size.block_elements);
}

bool SplitGguf(GgufTensorType type, std::span<const std::byte> blocks, std::span<int8_t> integers,
               std::span<uint16_t> scales) {
  const bool is_q5 = type == GgufTensorType::kQ5_0;
  if (type != GgufTensorType::kQ8_0 && type != GgufTensorType::kQ4_0 && !is_q5) return false;
  const GgufBlockSize size = BlockSizeOf(type);
  FOREGATE_CHECK_EQ(blocks.size() % size.block_bytes, 0u);
  FOREGATE_CHECK_EQ(blocks.size() / size.block_bytes, scales.size());
  FOREGATE_CHECK_EQ(scales.size() * size.block_elements, integers.size());
  for (size_t block = 0; block < scales.size(); ++block) {
    const std::byte* bytes = blocks.data() + block * size.block_bytes;
    int8_t* values = integers.data() + block * size.block_elements;
    scales[block] = Word(bytes);
    if (type == GgufTensorType::kQ8_0) {
      std::memcpy(values, bytes + 2, 32);
      continue;
    }
    const uint32_t high = is_q5 ? Word(bytes + 2) | static_cast<uint32_t>(Word(bytes + 4)) << 16 : 0u;
    const std::byte* nibbles = bytes + (is_q5 ? 6 : 2);
    const int zero_point = is_q5 ? 16 : 8;
    for (int i = 0; i < 16; ++i) {
      const auto with_high_bit = [&](int nibble, int at) { return nibble | static_cast<int>(high >> at & 1u) << 4; };
      values[i] = static_cast<int8_t>(with_high_bit(Byte(nibbles, i) & 0xf, i) - zero_point);
      values[i + 16] = static_cast<int8_t>(with_high_bit(Byte(nibbles, i) >> 4, i + 16) - zero_point);
    }
  }
  return true;
}

}  // namespace foregate
