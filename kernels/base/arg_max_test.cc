#include "kernels/base/arg_max.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace foregate {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Sizes around the vector's width and the block that is searched a second time.
constexpr size_t kSizes[] = {1, 3, 15, 16, 17, 1023, 1024, 1025, 5000};

TEST(ArgMax, FindsTheLargestWhereverItStands) {
  for (const size_t size : kSizes) {
    for (const size_t place : {size_t{0}, size / 2, size - 1}) {
      std::vector<float> x(size, -3.0f);
      x[place] = -2.5f;
      EXPECT_EQ(ArgMax(x), static_cast<int32_t>(place)) << size;
      x[size - 1] = -2.5f;
      EXPECT_EQ(ArgMax(x), static_cast<int32_t>(place)) << size << ": the smaller index of equals";
    }
  }
}

TEST(ArgMax, MaskedElementsDoNotCount) {
  for (const size_t size : kSizes) {
    std::vector<float> x(size, -kInfinity);
    EXPECT_EQ(ArgMax(x), kAllMasked) << size;
    x[size - 1] = std::numeric_limits<float>::lowest();
    EXPECT_EQ(ArgMax(x), static_cast<int32_t>(size - 1)) << size;
  }
  EXPECT_EQ(ArgMax({}), kAllMasked);
}

TEST(ArgMax, OneBadElementSpoilsAll) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity}) {
    for (const size_t size : kSizes) {
      for (const size_t place : {size_t{0}, size / 2, size - 1}) {
        std::vector<float> x(size, 1.0f);
        x[place] = bad;
        EXPECT_EQ(ArgMax(x), kNotANumber) << size << " " << place << " " << bad;
      }
    }
  }
}

}  // namespace
}  // namespace foregate
