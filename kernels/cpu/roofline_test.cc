#include "kernels/cpu/roofline.h"

#include <string>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(Roofline, MeasuresWhatAnyMachineReaches) {
  const auto roofline = MeasureRoofline(2, int64_t{1} << 20);
  ASSERT_TRUE(roofline.ok()) << roofline.status();
  // A hundredth of the slowest machine we know, so that load and sanitizers do not matter; no machine reaches the upper
  // bounds with two threads.
  EXPECT_GT(roofline->read_bytes_per_second, 1e8);
  EXPECT_LT(roofline->read_bytes_per_second, 1e12);
  EXPECT_GT(roofline->f32_flops, 1e7);
  EXPECT_LT(roofline->f32_flops, 2e12);
}

TEST(Roofline, TellsWhenTheBufferIsNotToBeHad) {
  const auto roofline = MeasureRoofline(1, int64_t{1} << 60);
  EXPECT_EQ(roofline.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace foregate
