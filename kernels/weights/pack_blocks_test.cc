// That the values are those of the file, engine/model/gguf/stored_panels_test.cc holds to gguf-py's.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/api/block_formats.h"
#include "kernels/weights/packed_rows.h"
#include "kernels/weights/random_blocks.h"

namespace foregate {
namespace {

constexpr int64_t kInputs = 512;

PackedMatrix Pack(WeightFormat format, const std::vector<std::byte>& blocks, int64_t num_outputs) {
  PackedMatrix packed(format, num_outputs, kInputs);
  PackBlocks(blocks.data(), num_outputs, 0, packed.matrix());
  return packed;
}

TEST(PackBlocksTest, TakesTheBitsThatTheFormatsState) {
  const double outputs = 1024;
  const double inputs = 2048;
  const auto bits = [&](WeightFormat format) { return 8.0 * PackedBytes(format, 1024, 2048) / (outputs * inputs); };
  EXPECT_EQ(bits(WeightFormat::kIq4Nl), 4.5);
  EXPECT_EQ(bits(WeightFormat::kMxfp4), 4.5);
  EXPECT_EQ(bits(WeightFormat::kQ4K), 4.625);
  EXPECT_EQ(bits(WeightFormat::kQ5K), 5.625);
  EXPECT_EQ(bits(WeightFormat::kQ6K), 6.625);
}

TEST(PackBlocksTest, TheSplitIntoCallsAndTheAddressDoNotShowInTheBytes) {
  constexpr int64_t kOutputs = 45;
  for (const WeightFormat format : kBlockFormats) {
    const std::vector<std::byte> blocks = RandomBlocks(format, kOutputs, kInputs, 3);
    const PackedMatrix whole = Pack(format, blocks, kOutputs);
    std::vector<std::byte> shifted(blocks.size() + 1);
    std::copy(blocks.begin(), blocks.end(), shifted.begin() + 1);
    const PackedMatrix parts(format, kOutputs, kInputs);
    const size_t row_bytes = BlockRowBytes(format, kInputs);
    PackBlocks(shifted.data() + 1 + 32 * row_bytes, 13, 32, parts.matrix());
    PackBlocks(shifted.data() + 1, 32, 0, parts.matrix());
    EXPECT_EQ(whole.bytes(), parts.bytes()) << WeightFormatName(format);
  }
}

TEST(PackBlocksTest, OutputsOfPaddingAreZero) {
  for (const WeightFormat format : kBlockFormats) {
    const PackedMatrix packed = Pack(format, RandomBlocks(format, 5, kInputs, 4), 5);
    // The panel as a matrix of 16 outputs.
    WeightMatrix padded = packed.matrix();
    padded.num_outputs = 16;
    for (int64_t n = 5; n < 16; ++n) {
      for (int64_t k = 0; k < kInputs; ++k) ASSERT_EQ(UnpackElement(padded, n, k), 0) << WeightFormatName(format);
    }
  }
}

TEST(PackBlocksTest, IntegersStayInTheirRange) {
  for (const WeightFormat format : kBlockFormats) {
    const PackedMatrix packed = Pack(format, RandomBlocks(format, 16, kInputs, 5), 16);
    int32_t lowest = 1000;
    int32_t highest = -1000;
    for (int64_t i = 0; i < 16 * kInputs; ++i) {
      const int32_t integer = UnpackInteger(packed.matrix(), i / kInputs, i % kInputs);
      lowest = std::min(lowest, integer);
      highest = std::max(highest, integer);
      const float scale = UnpackScale(packed.matrix(), i / kInputs, i % kInputs);
      const float minimum = UnpackMinimum(packed.matrix(), i / kInputs, i % kInputs);
      ASSERT_EQ(UnpackElement(packed.matrix(), i / kInputs, i % kInputs),
                static_cast<float>(integer) * scale - minimum);
      ASSERT_TRUE(HasMinima(format) || minimum == 0);
    }
    const int32_t expected_lowest = format == WeightFormat::kIq4Nl   ? -127
                                    : format == WeightFormat::kMxfp4 ? -12
                                    : format == WeightFormat::kQ6K   ? -32
                                                                     : 0;
    const int32_t expected_highest = format == WeightFormat::kIq4Nl   ? 113
                                     : format == WeightFormat::kMxfp4 ? 12
                                     : format == WeightFormat::kQ4K   ? 15
                                                                      : 31;
    EXPECT_EQ(lowest, expected_lowest) << WeightFormatName(format);
    EXPECT_EQ(highest, expected_highest) << WeightFormatName(format);
  }
}

// The layout as block_formats.h draws it: one weight, scale and minimum of the second panel's second block.
TEST(PackBlocksTest, PutsElementsWhereTheLayoutSays) {
  const std::vector<std::byte> blocks = RandomBlocks(WeightFormat::kQ5K, 20, kInputs, 6);
  const PackedMatrix packed = Pack(WeightFormat::kQ5K, blocks, 20);
  using Block = KBlock<1>;
  const auto* block = static_cast<const uint8_t*>(packed.matrix().data) + 2 * Block::kBytes + Block::kBytes;
  constexpr int64_t kGroup = 5, kColumn = 2, kPlace = 22;
  const auto* group = block + 320 + kGroup * 320;
  const int both = group[2 * 64 + kColumn * 4 + 2];
  const int high = group[256 + kColumn * 4 + 2] >> 5 & 1;
  const int64_t input = 256 + kGroup * 32 + kPlace;
  EXPECT_EQ(UnpackInteger(packed.matrix(), 16 + kColumn, input), both >> 4 | high << 4);
  uint16_t d[32];
  std::memcpy(d, block, sizeof d);
  EXPECT_EQ(UnpackScale(packed.matrix(), 16 + kColumn, input),
            F16ToF32(d[kColumn]) * static_cast<float>(block[64 + kGroup * 32 + kColumn]));
  EXPECT_EQ(UnpackMinimum(packed.matrix(), 16 + kColumn, input),
            F16ToF32(d[16 + kColumn]) * static_cast<float>(block[64 + kGroup * 32 + 16 + kColumn]));
}

TEST(PackBlocksDeathTest, FloatsAreNotQuantizedToBlocks) {
  const PackedMatrix packed(WeightFormat::kQ4K, 16, 256);
  WeightRows rows(DType::kF32, 16, 256);
  EXPECT_DEATH(PackRows(rows.view(), 0, packed.matrix()), "IsMadeOfFloats");
  EXPECT_DEATH(BlockRowBytes(WeightFormat::kQ4K, 288), "num_inputs");
}

}  // namespace
}  // namespace foregate
