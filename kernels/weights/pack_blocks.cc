// Panels from the blocks of GGUF files: four neighbouring weights are a word, which moves as a whole.
//
// The blocks, little-endian, without padding:
//   iq4_nl  32 weights, 18 bytes: f16 scale, 16 bytes of nibbles (low: weights 0 to 15, high: 16 to 31)
//   mxfp4   32 weights, 17 bytes: e8m0 scale, nibbles as iq4_nl
//   q4_k    256 weights, 144 bytes: f16 d, f16 m, 12 bytes of 6-bit scales and minima, 128 bytes of nibbles, of which
//           each 32 hold one group in their low halves and the next in their high ones
//   q5_k    176 bytes: as q4_k, with 32 bytes of fifth bits before the nibbles: bit g of byte i is of weight i of group
//   g q6_k    210 bytes: 128 bytes of low nibbles, 64 of bit pairs, 16 i8 scales, f16 d; weight p of a half of 128 has
//   its
//           nibble in byte p % 64 of the half's 64 (high one from 64 on) and its pair in byte p % 32 of 32, pair p / 32
#include <algorithm>
#include <cstring>

#include "kernels/api/block_formats.h"
#include "kernels/base/check.h"
#include "kernels/weights/pack.h"
#include "kernels/weights/pack_panel.h"

namespace foregate {
namespace {

constexpr uint32_t kNibbles = 0x0f0f0f0fu;
constexpr int64_t kUnitBytes = kPanelOutputs * 4;

uint32_t Word(const std::byte* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
void StoreWord(uint32_t word, std::byte* to) { std::memcpy(to, &word, sizeof word); }

struct SourceBlock {
  int64_t inputs;
  size_t bytes;
};

SourceBlock SourceBlockOf(WeightFormat format) {
  switch (format) {
    case WeightFormat::kIq4Nl:
      return {32, 18};
    case WeightFormat::kMxfp4:
      return {32, 17};
    case WeightFormat::kQ4K:
      return {256, 144};
    case WeightFormat::kQ5K:
      return {256, 176};
    case WeightFormat::kQ6K:
      return {256, 210};
    default:
      break;
  }
  FOREGATE_CHECK(false);
}

// The bf16 of 2^(exponent - 128): half of what e8m0 says, for the values are doubled. The two smallest are subnormal.
uint16_t HalvedE8m0(std::byte byte) {
  const auto exponent = static_cast<uint32_t>(byte);
  return static_cast<uint16_t>(exponent < 2 ? 0x20u << exponent : (exponent - 1) << 7);
}

// 16 bytes of nibbles of 32 weights to four units, `to` the output's place in the first.
void PackNibbles(const std::byte* from, std::byte* to) {
  for (int unit = 0; unit < 2; ++unit) {
    const uint32_t first = Word(from + unit * 8);
    const uint32_t second = Word(from + unit * 8 + 4);
    StoreWord((first & kNibbles) | (second & kNibbles) << 4, to + unit * kUnitBytes);
    StoreWord((first >> 4 & kNibbles) | (second & ~kNibbles), to + (unit + 2) * kUnitBytes);
  }
}

// One row of a matrix becomes one column of its panel: a word in each unit, a byte or two in each line of scales.

void PackCodebookRow(const std::byte* row, int64_t num_inputs, WeightFormat format, int64_t column, std::byte* panel) {
  const size_t block_bytes = SourceBlockOf(format).bytes;
  std::byte* scales = panel + LayoutOfPanel(format, num_inputs).value_bytes;
  for (int64_t group = 0; group < num_inputs / 32; ++group, row += block_bytes) {
    PackNibbles(row + block_bytes - 16, panel + (group * 4 * kPanelOutputs + column) * 4);
    uint16_t scale;
    std::memcpy(&scale, row, sizeof scale);
    if (format == WeightFormat::kMxfp4) scale = HalvedE8m0(*row);
    std::memcpy(scales + (group * kPanelOutputs + column) * 2, &scale, sizeof scale);
  }
}

struct GroupScales {
  uint8_t scales[8];
  uint8_t minima[8];
};

// Twelve bytes: four with scales 0 to 3 in their low six bits, four with minima 0 to 3 so, four with the low nibbles of
// scales and minima 4 to 7, whose two high bits are the top bits of the first eight bytes.
GroupScales UnpackScales(const std::byte* from) {
  const uint32_t scales = Word(from);
  const uint32_t minima = Word(from + 4);
  const uint32_t low = Word(from + 8);
  const uint32_t words[4] = {scales & 0x3f3f3f3fu, (low & kNibbles) | (scales >> 2 & 0x30303030u), minima & 0x3f3f3f3fu,
                             (low >> 4 & kNibbles) | (minima >> 2 & 0x30303030u)};
  GroupScales result;
  static_assert(sizeof result == sizeof words);
  std::memcpy(&result, words, sizeof words);
  return result;
}

// The fifth bits of group `group`, to bit `b` of byte `j` from bit `group` of byte 4 * b + j.
uint32_t FifthBits(const std::byte* from, int group) {
  uint32_t bits = 0;
  for (int b = 0; b < 8; ++b) bits |= (Word(from + 4 * b) >> group & 0x01010101u) << b;
  return bits;
}

template <int kHighBits>
void PackMinimaBlock(const std::byte* from, int64_t column, std::byte* block) {
  using Block = KBlock<kHighBits>;
  std::memcpy(block + column * 2, from, 2);
  std::memcpy(block + Block::kMinimaOfScalesOffset + column * 2, from + 2, 2);
  const GroupScales scales = UnpackScales(from + 4);
  const std::byte* nibbles = from + 16 + 32 * kHighBits;
  for (int g = 0; g < 8; ++g) {
    std::byte* to = block + Block::kScalesOffset + g * Block::kScaleBytes + column;
    *to = static_cast<std::byte>(scales.scales[g]);
    to[Block::kMinimaOffset] = static_cast<std::byte>(scales.minima[g]);
  }
  for (int pair = 0; pair < 4; ++pair) {
    std::byte* even = block + Block::kGroupsOffset + 2 * pair * Block::kGroupBytes + column * 4;
    std::byte* odd = even + Block::kGroupBytes;
    for (int unit = 0; unit < 4; ++unit) {
      const uint32_t first = Word(nibbles + pair * 32 + unit * 8);
      const uint32_t second = Word(nibbles + pair * 32 + unit * 8 + 4);
      StoreWord((first & kNibbles) | (second & kNibbles) << 4, even + unit * kUnitBytes);
      StoreWord((first >> 4 & kNibbles) | (second & ~kNibbles), odd + unit * kUnitBytes);
    }
    if constexpr (kHighBits > 0) {
      StoreWord(FifthBits(from + 16, 2 * pair), even + Block::kHighBitsOffset);
      StoreWord(FifthBits(from + 16, 2 * pair + 1), odd + Block::kHighBitsOffset);
    }
  }
}

void PackQ6Block(const std::byte* from, int64_t column, std::byte* block) {
  using Block = KBlock<2>;
  std::memcpy(block + column * 2, from + 208, 2);
  for (int g = 0; g < 16; ++g) {
    block[Block::kScalesOffset + g * Block::kScaleBytes + column] = from[192 + g];
    const int place = g % 8 * 16;  // in the half of 128
    const std::byte* nibbles = from + g / 8 * 64 + place % 64;
    const std::byte* pairs = from + 128 + g / 8 * 32 + place % 32;
    std::byte* to = block + Block::kGroupsOffset + g * Block::kGroupBytes + column * 4;
    uint32_t high = 0;
    for (int quad = 0; quad < 4; ++quad) high |= (Word(pairs + quad * 4) >> place / 32 * 2 & 0x03030303u) << quad * 2;
    for (int unit = 0; unit < 2; ++unit) {
      const uint32_t first = Word(nibbles + unit * 8) >> place / 64 * 4 & kNibbles;
      const uint32_t second = Word(nibbles + unit * 8 + 4) >> place / 64 * 4 & kNibbles;
      StoreWord(first | second << 4, to + unit * kUnitBytes);
    }
    StoreWord(high, to + Block::kHighBitsOffset);
  }
}

template <int kHighBits>
void PackKRow(const std::byte* row, int64_t num_inputs, int64_t column, std::byte* panel) {
  constexpr size_t kSourceBytes = kHighBits == 0 ? 144 : kHighBits == 1 ? 176 : 210;
  for (int64_t k = 0; k < num_inputs; k += 256, row += kSourceBytes, panel += KBlock<kHighBits>::kBytes) {
    if constexpr (kHighBits == 2) {
      PackQ6Block(row, column, panel);
    } else {
      PackMinimaBlock<kHighBits>(row, column, panel);
    }
  }
}

}  // namespace

size_t BlockRowBytes(WeightFormat format, int64_t num_inputs) {
  const SourceBlock block = SourceBlockOf(format);
  FOREGATE_CHECK_EQ(num_inputs % block.inputs, 0);
  return static_cast<size_t>(num_inputs / block.inputs) * block.bytes;
}

namespace internal {

void PackBlockPanel(const std::byte* blocks, size_t row_bytes, int64_t num_rows, int64_t num_inputs,
                    WeightFormat format, std::byte* panel) {
  const size_t stride_bytes = LayoutOfPanel(format, num_inputs).stride_bytes;
  // What q6_k leaves free, and the columns without a row. A nibble of 0 is no zero; the scales, which are, make it one.
  std::memset(panel, 0, stride_bytes);
  for (int64_t column = 0; column < num_rows; ++column, blocks += row_bytes) {
    switch (format) {
      case WeightFormat::kQ4K:
        PackKRow<0>(blocks, num_inputs, column, panel);
        break;
      case WeightFormat::kQ5K:
        PackKRow<1>(blocks, num_inputs, column, panel);
        break;
      case WeightFormat::kQ6K:
        PackKRow<2>(blocks, num_inputs, column, panel);
        break;
      default:
        PackCodebookRow(blocks, num_inputs, format, column, panel);
    }
  }
}

}  // namespace internal
}  // namespace foregate
