#include "kernels/cpu/probe/machine_probe.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

using ::testing::ElementsAre;

constexpr ProbeOptions kShort = {.num_windows = 2, .window = std::chrono::milliseconds(1)};

TEST(ThreadCounts, AreDenseThenDoubling) {
  EXPECT_THAT(ThreadCounts(1), ElementsAre(1));
  EXPECT_THAT(ThreadCounts(2), ElementsAre(1, 2));
  EXPECT_THAT(ThreadCounts(8), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(ThreadCounts(24), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 16, 24));
}

// Bounds a hundredth of the slowest machine we know and above any, so that load and sanitizers do not matter.
TEST(MachineProbe, ReadsAtARateThatAMachineCanHave) {
  for (const int64_t bytes : {int64_t{1}, int64_t{16} << 10, int64_t{5} << 20}) {
    const auto rate = MeasureRead(ThisCpu(), 2, bytes, kShort);
    ASSERT_TRUE(rate.ok()) << rate.status();
    EXPECT_GT(rate->lowest, 1e7);
    EXPECT_LT(rate->best, 1e13);
    EXPECT_LE(rate->lowest, rate->median);
    EXPECT_LE(rate->median, rate->best);
  }
}

TEST(MachineProbe, TellsWhenMemoryIsNotToBeHad) {
  EXPECT_EQ(MeasureRead(ThisCpu(), 1, int64_t{1} << 60, kShort).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(MeasureRead(ThisCpu(), 1000, INT64_MAX / 2, kShort).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(MachineProbe, EveryInstructionIsMeasuredOrNamedAsAbsent) {
  const CpuIdentity cpu = ThisCpu();
  size_t num_measured = 0;
  for (const DotInstruction& instruction : DotInstructions()) {
    if (!UsableHere(instruction, cpu)) continue;
    ++num_measured;
    const auto rate = MeasureDot(instruction, 1, kShort);
    ASSERT_TRUE(rate.ok()) << rate.status();
    EXPECT_GT(rate->lowest, 1e7) << instruction.name;
    EXPECT_LT(rate->best, 1e15) << instruction.name;
  }
  EXPECT_EQ(num_measured + AbsentInstructions(cpu).size(), DotInstructions().size());
}

}  // namespace
}  // namespace foregate
