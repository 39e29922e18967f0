#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/weights/pack.h"
#include "kernels/weights/packed_rows.h"

namespace foregate {
namespace {

constexpr WeightFormat kQuantized[] = {WeightFormat::kInt8, WeightFormat::kInt8G32, WeightFormat::kInt4G128,
                                       WeightFormat::kInt4G32};

bool IsInt4(WeightFormat format) { return format >= WeightFormat::kInt4G128; }

// Root of the mean squared error over that of the values.
double RelativeError(WeightRows& rows, WeightFormat format, int64_t n, int64_t k) {
  const PackedMatrix packed(format, n, k);
  PackRows(rows.view(), 0, packed.matrix());
  double error = 0;
  double norm = 0;
  for (int64_t i = 0; i < n * k; ++i) {
    const double value = rows.at(static_cast<size_t>(i));
    const double difference = UnpackElement(packed.matrix(), i / k, i % k) - value;
    error += difference * difference;
    norm += value * value;
  }
  return std::sqrt(error / norm);
}

TEST(QuantizeTest, EveryIntegerIsTheNearestThatItsScaleAllows) {
  for (const WeightFormat format : kQuantized) {
    for (const int64_t k : {1, 31, 32, 129, 300}) {
      for (const float magnitude : {1e-6f, 0.02f, 1e4f}) {
        WeightRows rows = WeightRows::Normal(DType::kF32, 20, k, 11, magnitude);
        const PackedMatrix packed(format, 20, k);
        PackRows(rows.view(), 0, packed.matrix());
        const double low = IsInt4(format) ? -8 : -127;
        const double high = IsInt4(format) ? 7 : 127;
        for (int64_t i = 0; i < 20 * k; ++i) {
          const double scale = UnpackScale(packed.matrix(), i / k, i % k);
          if (scale == 0) {
            ASSERT_LT(magnitude, 1e-5f) << WeightFormatName(format);
            ASSERT_EQ(UnpackInteger(packed.matrix(), i / k, i % k), 0);
            continue;
          }
          const double exact = std::clamp(rows.at(static_cast<size_t>(i)) / scale, low, high);
          // Half a step, and what the inverse of the scale rounds.
          ASSERT_NEAR(UnpackInteger(packed.matrix(), i / k, i % k), exact, 0.5 + 1e-4)
              << WeightFormatName(format) << " " << k;
        }
      }
    }
  }
}

TEST(QuantizeTest, Int8UsesTheWholeRange) {
  WeightRows rows(DType::kF32, 1, 4);
  const float values[] = {-2.54f, 1.27f, 0.01f, 2.0f};
  for (size_t i = 0; i < 4; ++i) rows.Set(i, values[i]);
  const PackedMatrix packed(WeightFormat::kInt8, 1, 4);
  PackRows(rows.view(), 0, packed.matrix());
  EXPECT_EQ(UnpackScale(packed.matrix(), 0, 3), 2.54f / 127.0f);
  EXPECT_EQ(UnpackInteger(packed.matrix(), 0, 0), -127);
  EXPECT_EQ(UnpackInteger(packed.matrix(), 0, 1), 64) << "63.5 goes to the even neighbour";
  EXPECT_EQ(UnpackInteger(packed.matrix(), 0, 2), 0) << "0.5 goes to the even neighbour";
  EXPECT_EQ(UnpackInteger(packed.matrix(), 0, 3), 100);
}

// Uniform noise of one step s has rms s / sqrt(12). For 2048 normal values the largest is near 3.6 sigma and for 32
// near 2.35: 3.6 / 127 / sqrt(12) = 0.0082, 2.35 / 127 / sqrt(12) = 0.0053. The int4 bounds are measured, rounded up:
// mapping the largest value to -8 and no more gives 0.119 and 0.089.
TEST(QuantizeTest, TheErrorOnNormalWeightsIsWhatTheFormatAllows) {
  WeightRows rows = WeightRows::Normal(DType::kBf16, 64, 2048, 42);
  EXPECT_NEAR(RelativeError(rows, WeightFormat::kInt8, 64, 2048), 0.0082, 0.0005);
  EXPECT_NEAR(RelativeError(rows, WeightFormat::kInt8G32, 64, 2048), 0.0053, 0.0003);
  EXPECT_LT(RelativeError(rows, WeightFormat::kInt4G128, 64, 2048), 0.112);
  EXPECT_LT(RelativeError(rows, WeightFormat::kInt4G32, 64, 2048), 0.085);
}

TEST(QuantizeTest, NeverWorseThanMappingTheLargestToMinusEight) {
  WeightRows rows = WeightRows::Normal(DType::kF32, 32, 256, 9);
  for (const WeightFormat format : {WeightFormat::kInt4G128, WeightFormat::kInt4G32}) {
    const PackedMatrix packed(format, 32, 256);
    PackRows(rows.view(), 0, packed.matrix());
    const int64_t group = GroupInputs(format, 256);
    for (int64_t at = 0; at < 32 * 256; at += group) {
      float largest = 0;
      for (int64_t i = at; i < at + group; ++i) {
        const float value = rows.at(static_cast<size_t>(i));
        if (std::fabs(value) > std::fabs(largest)) largest = value;
      }
      const double simple_scale = F16ToF32(F32ToF16(largest / -8));
      double error = 0;
      double simple_error = 0;
      for (int64_t i = at; i < at + group; ++i) {
        const double value = rows.at(static_cast<size_t>(i));
        const double simple = std::clamp(std::nearbyint(value / simple_scale), -8.0, 7.0) * simple_scale;
        error += std::pow(UnpackElement(packed.matrix(), i / 256, i % 256) - value, 2);
        simple_error += std::pow(simple - value, 2);
      }
      // The chosen scale is rounded to f16 after the choice: 2^-12 of a scale whose values reach 8.
      ASSERT_LE(error, simple_error * 1.01) << WeightFormatName(format);
    }
  }
}

TEST(QuantizeTest, ValuesOnTheGridStayExact) {
  for (const WeightFormat format : kQuantized) {
    const float scale = 0.0078125f;
    WeightRows rows(DType::kF32, 16, 256);
    for (size_t i = 0; i < rows.num_elements(); ++i) {
      const auto step = static_cast<float>(i * 7 % 15);
      rows.Set(i, scale * (IsInt4(format) ? step - 8.0f : i % 32 == 5 ? -127.0f : step));
    }
    const PackedMatrix packed(format, 16, 256);
    PackRows(rows.view(), 0, packed.matrix());
    for (int64_t i = 0; i < 16 * 256; ++i) {
      ASSERT_EQ(UnpackElement(packed.matrix(), i / 256, i % 256), rows.at(static_cast<size_t>(i)))
          << WeightFormatName(format) << " at " << i;
    }
  }
}

TEST(QuantizeTest, ZeroTinyAndHugeGroupsStayFinite) {
  const float huge = 3e38f;
  for (const WeightFormat format : kQuantized) {
    for (const float value : {0.0f, -0.0f, 1e-45f, 1e-38f, 1e-9f, -huge, huge}) {
      WeightRows rows(DType::kF32, 1, 40);
      for (size_t i = 0; i < 40; ++i) rows.Set(i, i % 3 == 0 ? value : 0.0f);
      const PackedMatrix packed(format, 1, 40);
      PackRows(rows.view(), 0, packed.matrix());
      for (int64_t k = 0; k < 40; ++k) {
        const float unpacked = UnpackElement(packed.matrix(), 0, k);
        ASSERT_TRUE(std::isfinite(unpacked)) << WeightFormatName(format) << " " << value;
        if (k % 3 != 0 || std::fabs(value) < 1e-8f) {
          ASSERT_NEAR(unpacked, 0.0f, 2e-9f) << WeightFormatName(format) << " " << value;
        } else {
          ASSERT_EQ(unpacked > 0, value > 0) << WeightFormatName(format) << " " << value;
        }
      }
    }
  }
}

TEST(PackQuantizedRowsTest, KeepsEveryIntegerAndEveryScale) {
  for (const WeightFormat format : {WeightFormat::kInt8G32, WeightFormat::kInt4G128, WeightFormat::kInt4G32}) {
    for (const int64_t k : {32, 96, 160, 200}) {
      constexpr int64_t kOutputs = 37;
      const int64_t num_groups = NumGroups(format, k);
      const int64_t low = IsInt4(format) ? -8 : -128;
      const int64_t range = IsInt4(format) ? 16 : 256;
      std::mt19937 random(1);
      std::vector<int8_t> values(static_cast<size_t>(kOutputs * k));
      std::vector<uint16_t> scales(static_cast<size_t>(kOutputs * num_groups));
      for (int8_t& value : values) value = static_cast<int8_t>(low + static_cast<int64_t>(random()) % range);
      for (uint16_t& scale : scales) scale = static_cast<uint16_t>(random() % 0x7c00 | (random() & 0x8000));
      const PackedMatrix packed(format, kOutputs, k);
      PackQuantizedRows(values.data() + 32 * k, scales.data() + 32 * num_groups, 5, 32, packed.matrix());
      PackQuantizedRows(values.data(), scales.data(), 32, 0, packed.matrix());
      for (int64_t i = 0; i < kOutputs * k; ++i) {
        const int64_t n = i / k;
        ASSERT_EQ(UnpackInteger(packed.matrix(), n, i % k), values[static_cast<size_t>(i)]);
        const int64_t group = n * num_groups + i % k / GroupInputs(format, k);
        ASSERT_EQ(UnpackScale(packed.matrix(), n, i % k), F16ToF32(scales[static_cast<size_t>(group)]));
      }
    }
  }
}

TEST(PackQuantizedRowsDeathTest, RefusesFormatsWithoutF16Scales) {
  const PackedMatrix packed(WeightFormat::kInt8, 16, 4);
  EXPECT_DEATH(PackQuantizedRows(nullptr, nullptr, 16, 0, packed.matrix()), "WeightFormat::kInt8");
}

}  // namespace
}  // namespace foregate
