#include "kernels/weights/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

struct Quantized {
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
};

Quantized Quantize(const std::vector<float>& x, int64_t group) {
  const auto n = static_cast<int64_t>(x.size());
  const auto num_groups = static_cast<size_t>((n + group - 1) / group);
  Quantized result = {std::vector<int8_t>(x.size()), std::vector<float>(num_groups), std::vector<int32_t>(num_groups)};
  QuantizeActivations(x.data(), n, group, result.values.data(), result.scales.data(), result.sums.data());
  return result;
}

TEST(QuantizeActivationsTest, ScalesTheLargestTo127AndRoundsTiesToEven) {
  const Quantized q = Quantize({-254.0f, 1.0f, 3.0f, 5.0f, 200.0f}, 5);
  EXPECT_EQ(q.values, (std::vector<int8_t>{-127, 0, 2, 2, 100}));
  EXPECT_EQ(q.scales, (std::vector<float>{2.0f}));
  EXPECT_EQ(q.sums, (std::vector<int32_t>{-23}));
}

TEST(QuantizeActivationsTest, EveryGroupIsQuantizedByItself) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> x(100);
  for (float& value : x) value = normal(random);
  const Quantized all = Quantize(x, 32);
  ASSERT_EQ(all.scales.size(), 4u);
  for (size_t g = 0; g < 4; ++g) {
    const size_t first = g * 32;
    const size_t last = std::min<size_t>(first + 32, 100);
    const Quantized alone =
        Quantize({x.begin() + static_cast<int64_t>(first), x.begin() + static_cast<int64_t>(last)}, 32);
    EXPECT_EQ(alone.scales[0], all.scales[g]);
    EXPECT_EQ(alone.sums[0], all.sums[g]);
    int32_t sum = 0;
    for (size_t i = first; i < last; ++i) {
      EXPECT_EQ(alone.values[i - first], all.values[i]);
      EXPECT_NEAR(static_cast<float>(all.values[i]) * all.scales[g], x[i], all.scales[g] * 0.5001f);
      sum += all.values[i];
    }
    EXPECT_EQ(sum, all.sums[g]);
  }
}

TEST(QuantizeActivationsTest, ZeroTinyAndHugeGroups) {
  const float tiny = 1e-38f;
  const float huge = std::numeric_limits<float>::max();
  const Quantized q = Quantize({0.0f, -0.0f, tiny, -tiny, huge, -huge}, 2);
  EXPECT_EQ(q.values, (std::vector<int8_t>{0, 0, 0, 0, 127, -127}));
  EXPECT_EQ(q.scales, (std::vector<float>{0.0f, 0.0f, huge / 127.0f}));
  EXPECT_EQ(q.sums, (std::vector<int32_t>{0, 0, 0}));
}

TEST(QuantizeActivationsTest, AGroupThatIsNotFiniteHasANaNScaleAndZeros) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const Quantized q = Quantize({1.0f, nan, 2.0f, -infinity, 4.0f, 4.0f}, 2);
  EXPECT_EQ(q.values, (std::vector<int8_t>{0, 0, 0, 0, 127, 127}));
  EXPECT_TRUE(std::isnan(q.scales[0]));
  EXPECT_TRUE(std::isnan(q.scales[1]));
  EXPECT_EQ(q.scales[2], 4.0f / 127.0f);
  EXPECT_EQ(q.sums, (std::vector<int32_t>{0, 0, 254}));
}

}  // namespace
}  // namespace foregate
