#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "kernels/base/check.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

TEST(FloatTypes, Bf16RoundTripIsExactForEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = Bf16ToF32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(Bf16ToF32(F32ToBf16(value))));
    } else {
      EXPECT_EQ(F32ToBf16(value), bits);
    }
  }
}

TEST(FloatTypes, Bf16RoundsTiesToEven) {
  EXPECT_EQ(F32ToBf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);
  EXPECT_EQ(F32ToBf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(F32ToBf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
}

TEST(FloatTypes, F16MatchesItsDefinition) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>((bits >> 10) & 0x1f);
    const int mantissa = static_cast<int>(bits & 0x3ff);
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    const float value = F16ToF32(static_cast<uint16_t>(bits));
    if (exponent == 0x1f) {
      EXPECT_EQ(std::isnan(value), mantissa != 0);
      EXPECT_EQ(std::isinf(value), mantissa == 0);
      continue;
    }
    const double expected =
        exponent == 0 ? sign * std::ldexp(mantissa, -24) : sign * std::ldexp(1024 + mantissa, exponent - 25);
    EXPECT_EQ(static_cast<double>(value), expected) << bits;
    EXPECT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
  }
}

TEST(FloatTypes, F16RoundTripIsExactForEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = F16ToF32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(value))));
    } else {
      EXPECT_EQ(F32ToF16(value), bits);
    }
  }
}

// Between neighbours a < b, everything below the middle goes to a, above it to b, and the middle to the even one.
TEST(FloatTypes, F16RoundsToNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const auto low = static_cast<uint16_t>(bits);
    const auto high = static_cast<uint16_t>(bits + 1);
    const float next = high == 0x7c00 ? 65536.0f : F16ToF32(high);
    const float middle = (F16ToF32(low) + next) / 2;
    const auto even = static_cast<uint16_t>(bits + (bits & 1));
    for (const uint16_t sign : {uint16_t{0}, uint16_t{0x8000}}) {
      const float one = sign == 0 ? 1.0f : -1.0f;
      ASSERT_EQ(F32ToF16(one * middle), sign | even) << bits;
      ASSERT_EQ(F32ToF16(one * std::nextafter(middle, 0.0f)), sign | low) << bits;
      ASSERT_EQ(F32ToF16(one * std::nextafter(middle, 1e9f)), sign | high) << bits;
    }
  }
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(F32ToF16(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(CheckDeathTest, NamesConditionAndValues) {
  EXPECT_DEATH(FOREGATE_CHECK_EQ(1 + 1, 3), "1 \\+ 1 == 3 \\(2 vs\\. 3\\)");
}

}  // namespace
}  // namespace foregate
