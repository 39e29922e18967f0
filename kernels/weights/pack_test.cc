#include "kernels/weights/pack.h"

#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/weights/packed_rows.h"

namespace foregate {
namespace {

constexpr DType kDtypes[] = {DType::kF32, DType::kBf16, DType::kF16};

float Narrowed(float value, WeightFormat format) {
  if (format == WeightFormat::kBf16) return Bf16ToF32(F32ToBf16(value));
  if (format == WeightFormat::kF16) return F16ToF32(F32ToF16(value));
  return value;
}

TEST(PackTest, FloatFormatsHoldEveryElementRoundedOnce) {
  for (const DType dtype : kDtypes) {
    for (const int64_t k : {1, 2, 7, 64, 65, 200}) {
      WeightRows rows = WeightRows::Normal(dtype, 21, k, 7);
      for (const WeightFormat format : {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kF16}) {
        const PackedMatrix packed(format, 21, k);
        PackRows(rows.view(), 0, packed.matrix());
        for (int64_t i = 0; i < 21 * k; ++i) {
          ASSERT_EQ(UnpackElement(packed.matrix(), i / k, i % k), Narrowed(rows.at(static_cast<size_t>(i)), format))
              << DTypeName(dtype) << " to " << WeightFormatName(format) << " at " << i / k << ", " << i % k;
        }
      }
    }
  }
}

// The layout as weight_matrix.h draws it, byte by byte, for two panels of which the second has one output.
TEST(PackTest, PutsElementsWhereTheLayoutSays) {
  constexpr int64_t kInputs = 9;
  WeightRows rows(DType::kF32, 17, kInputs);
  for (size_t i = 0; i < rows.num_elements(); ++i) rows.Set(i, static_cast<float>(i % 127) - 63.0f);
  const auto value = [&](int64_t n, int64_t k) { return rows.at(static_cast<size_t>(n * kInputs + k)); };
  const PackedMatrix bf16(WeightFormat::kBf16, 17, kInputs);
  PackRows(rows.view(), 0, bf16.matrix());
  const auto* elements = static_cast<const uint16_t*>(bf16.matrix().data);
  EXPECT_EQ(Bf16ToF32(elements[(3 * 16 + 5) * 2 + 1]), value(5, 7));
  EXPECT_EQ(elements[(4 * 16 + 5) * 2 + 1], 0) << "input 9 is padding";
  EXPECT_EQ(Bf16ToF32(elements[5 * 32 + (1 * 16 + 0) * 2]), value(16, 2)) << "second panel";
  EXPECT_EQ(elements[5 * 32 + (1 * 16 + 1) * 2], 0) << "output 17 is padding";

  std::vector<int8_t> values(17 * kInputs);
  std::vector<uint16_t> scales(17, F32ToF16(0.5f));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int8_t>(i % 16 - 8);
  const PackedMatrix int8(WeightFormat::kInt8G32, 17, kInputs);
  PackQuantizedRows(values.data(), scales.data(), 17, 0, int8.matrix());
  const auto* bytes = static_cast<const uint8_t*>(int8.matrix().data);
  EXPECT_EQ(bytes[(1 * 16 + 5) * 4 + 2], values[5 * kInputs + 6] + 128);
  EXPECT_EQ(bytes[(2 * 16 + 5) * 4 + 1], 128) << "input 9 is padding";
  const PackedMatrix int4(WeightFormat::kInt4G128, 17, kInputs);
  PackQuantizedRows(values.data(), scales.data(), 17, 0, int4.matrix());
  const auto* nibbles = static_cast<const uint8_t*>(int4.matrix().data);
  EXPECT_EQ(nibbles[5 * 4 + 2] & 15, values[5 * kInputs + 2] + 8);
  EXPECT_EQ(nibbles[5 * 4 + 2] >> 4, values[5 * kInputs + 6] + 8);
  EXPECT_EQ(nibbles[(16 + 5) * 4 + 1], 0x88) << "inputs 9 and 13 are padding";
}

TEST(PackTest, TheSplitIntoCallsAndTheSourceDtypeDoNotShowInTheBytes) {
  constexpr int64_t kOutputs = 45;
  for (const WeightFormat format : kAllWeightFormats) {
    for (const int64_t k : {5, 32, 130, 300}) {
      WeightRows narrow = WeightRows::Normal(DType::kBf16, kOutputs, k, 3);
      WeightRows wide(DType::kF32, kOutputs, k);
      for (size_t i = 0; i < wide.num_elements(); ++i) wide.Set(i, narrow.at(i));
      const PackedMatrix whole(format, kOutputs, k);
      PackRows(narrow.view(), 0, whole.matrix());
      const PackedMatrix parts(format, kOutputs, k);
      PackRows(wide.view().Rows(32, 13), 32, parts.matrix());
      PackRows(wide.view().Rows(0, 16), 0, parts.matrix());
      PackRows(wide.view().Rows(16, 16), 16, parts.matrix());
      EXPECT_EQ(whole.bytes(), parts.bytes()) << WeightFormatName(format) << " " << k;
    }
  }
}

TEST(PackTest, PaddingIsZeroWithScaleZero) {
  for (const WeightFormat format : kAllWeightFormats) {
    WeightRows rows = WeightRows::Normal(DType::kF32, 3, 10, 1);
    const PackedMatrix packed(format, 3, 10);
    PackRows(rows.view(), 0, packed.matrix());
    const WeightMatrix padded = {packed.matrix().data, format, kPanelOutputs, 10};
    for (int64_t n = 3; n < kPanelOutputs; ++n) {
      EXPECT_EQ(UnpackScale(padded, n, 0), IsQuantized(format) ? 0.0f : 1.0f) << WeightFormatName(format);
      for (int64_t k = 0; k < 10; ++k) {
        EXPECT_EQ(UnpackElement(padded, n, k), 0.0f) << WeightFormatName(format);
        if (IsQuantized(format)) {
          EXPECT_EQ(UnpackInteger(padded, n, k), 0) << WeightFormatName(format);
        }
      }
    }
    const PanelLayout layout = LayoutOfPanel(format, 10);
    const std::vector<std::byte> bytes = packed.bytes();
    for (size_t i = layout.value_bytes + layout.scale_bytes; i < layout.stride_bytes; ++i) {
      EXPECT_EQ(bytes[i], std::byte{0}) << WeightFormatName(format);
    }
  }
}

TEST(PackTest, ARowIsItsElements) {
  for (const WeightFormat format : kAllWeightFormats) {
    for (const int64_t k : {1, 2, 31, 32, 33, 130, 300}) {
      WeightRows rows = WeightRows::Normal(DType::kF32, 35, k, 9);
      const PackedMatrix packed(format, 35, k);
      PackRows(rows.view(), 0, packed.matrix());
      for (int64_t n = 0; n < 35; ++n) {
        std::vector<float> values(static_cast<size_t>(k) + 1, 7.0f);
        UnpackRow(packed.matrix(), n, values.data());
        for (int64_t i = 0; i < k; ++i) {
          ASSERT_EQ(values[static_cast<size_t>(i)], UnpackElement(packed.matrix(), n, i))
              << WeightFormatName(format) << " " << k << " at " << n << ", " << i;
        }
        ASSERT_EQ(values.back(), 7.0f) << WeightFormatName(format);
      }
    }
  }
}

TEST(PackTest, FindsTheFirstRowThatIsNotFinite) {
  for (const DType dtype : kDtypes) {
    WeightRows rows = WeightRows::Normal(dtype, 6, 19, 5);
    EXPECT_EQ(FirstRowNotFinite(rows.view()), -1);
    rows.Set(0, dtype == DType::kF32 ? std::numeric_limits<float>::max() : 60000.0f);
    EXPECT_EQ(FirstRowNotFinite(rows.view()), -1);
    rows.Set(5 * 19 + 18, std::numeric_limits<float>::quiet_NaN());
    EXPECT_EQ(FirstRowNotFinite(rows.view()), 5) << DTypeName(dtype);
    rows.Set(3 * 19, -std::numeric_limits<float>::infinity());
    EXPECT_EQ(FirstRowNotFinite(rows.view()), 3) << DTypeName(dtype);
  }
}

TEST(PackDeathTest, RefusesRowsThatDoNotFillPanelsAndThoseThatAreNotThere) {
  WeightRows rows = WeightRows::Normal(DType::kF32, 8, 4, 5);
  const PackedMatrix packed(WeightFormat::kF32, 40, 4);
  EXPECT_DEATH(PackRows(rows.view(), 0, packed.matrix()), "num_rows % kPanelOutputs == 0");
  EXPECT_DEATH(PackRows(rows.view(), 8, packed.matrix()), "first_output % kPanelOutputs == 0");
  EXPECT_DEATH(PackRows(rows.view(), 48, packed.matrix()), "first_output \\+ num_rows <= matrix.num_outputs");
  float values[4];
  EXPECT_DEATH(UnpackRow(packed.matrix(), 40, values), "output < matrix.num_outputs");
  EXPECT_DEATH(UnpackRow(packed.matrix(), -1, values), "output >= 0");
}

}  // namespace
}  // namespace foregate
