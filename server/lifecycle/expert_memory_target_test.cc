#include "server/lifecycle/expert_memory_target.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr ExpertMemoryBounds kBounds{.least_bytes = 40 * kMiB, .most_bytes = 680 * kMiB};  // a step is 40
constexpr uint64_t kLimit = 2560 * kMiB;                                                   // the reserve is 10

MemorySample Sample(uint64_t free_mib) {
  return {.source = "/sys/fs/cgroup/memory.max", .limit_bytes = kLimit, .free_bytes = free_mib * kMiB};
}

// Repeats one sample until the target changes; how many it took, at most `most`.
int Repeat(ExpertMemoryTarget& target, const MemorySample& sample, int most = 1000) {
  const uint64_t before = target.bytes;
  for (int i = 1; i <= most; ++i) {
    target = NextExpertMemory(target, {&sample, 1}, target.bytes, kBounds);
    EXPECT_EQ(target.bytes == before, target.reason.empty());
    if (target.bytes != before) return i;
  }
  return 0;
}

ExpertMemoryTarget Full() { return {.bytes = kBounds.most_bytes, .reason = {}}; }

TEST(ExpertMemoryTarget, AReserveIsAShareOfTheLimit) {
  EXPECT_EQ(ReserveOf(Sample(0)), 10 * kMiB);
  EXPECT_EQ(ReserveOf({.source = "/a", .limit_bytes = 64 * kMiB}), 8 * kMiB);
  EXPECT_EQ(ReserveOf({.source = "/proc/meminfo", .limit_bytes = 32000 * kMiB}), 320 * kMiB);
  EXPECT_EQ(ReserveOf({.source = "/proc/meminfo", .limit_bytes = 2000 * kMiB}), 64 * kMiB);
}

// Half of what the plan leaves for the process is used; no limit is so large that this is too little.
TEST(ExpertMemoryTarget, APlanThatFillsItsLimitIsNoShortage) {
  for (const uint64_t gib : {1, 2, 8, 24, 32, 64, 512}) {
    MemorySample sample{.source = "/sys/fs/cgroup/memory.max",
                        .limit_bytes = gib * 1024 * kMiB,
                        .free_bytes = kProcessReserveBytes / 2,
                        .stalled_share = 0.2,
                        .met_limit = true};
    ExpertMemoryTarget target = Full();
    EXPECT_EQ(Repeat(target, sample), 0) << gib << " GiB: " << target.reason;
    // Of a machine nothing but what FindMemoryLimit left is free.
    sample.source = "/proc/meminfo";
    sample.free_bytes = 2 * MachineReserveBytes(sample.limit_bytes);
    target = Full();
    EXPECT_EQ(Repeat(target, sample), 0) << gib << " GiB: " << target.reason;
  }
}

TEST(ExpertMemoryTarget, PlentyChangesNothing) {
  ExpertMemoryTarget target = Full();
  EXPECT_EQ(Repeat(target, Sample(100)), 0);
  EXPECT_EQ(Repeat(target, Sample(10)), 0) << "the reserve is there";
  target = NextExpertMemory(target, {}, target.bytes, kBounds);
  EXPECT_EQ(target.bytes, kBounds.most_bytes) << "nothing is known";
}

TEST(ExpertMemoryTarget, WhatIsMissingIsGivenBack) {
  ExpertMemoryTarget target = Full();
  EXPECT_EQ(Repeat(target, Sample(8)), kShortSamples);
  EXPECT_EQ(target.bytes, 670 * kMiB) << "2 MiB are missing, a quarter of a step is the least";
  EXPECT_EQ(target.reason, "/sys/fs/cgroup/memory.max leaves 8 of 2560 MiB free");
  target = Full();
  EXPECT_EQ(Repeat(target, Sample(0)), 1) << "at once";
  EXPECT_EQ(target.bytes, 670 * kMiB);
  // One short sample between others is none.
  target = Full();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Repeat(target, Sample(8), 1), 0);
    EXPECT_EQ(Repeat(target, Sample(15), 1), 0);
  }
}

// Of the reserve alone one look would be left, and a neighbour that takes 25 MiB in it is the end.
TEST(ExpertMemoryTarget, WhatFallsIsMetOnItsWay) {
  MemorySample sample = Sample(55);
  sample.fallen_bytes = 20 * kMiB;
  ExpertMemoryTarget target = Full();
  EXPECT_EQ(Repeat(target, sample), 0) << "15 MiB two looks later";
  sample.fallen_bytes = 25 * kMiB;
  EXPECT_EQ(Repeat(target, sample), kShortSamples);
  sample.fallen_bytes = 60 * kMiB;
  target = Full();
  EXPECT_EQ(Repeat(target, sample), 1);
  EXPECT_EQ(target.bytes, (680 - 75) * kMiB);
  sample.fallen_bytes = -60 * int64_t{kMiB};
  EXPECT_EQ(Repeat(target, sample, kCalmSamples - 1), 0) << "what rises is not counted on";
}

TEST(ExpertMemoryTarget, TheTightestLimitDecides) {
  const std::vector<MemorySample> samples = {
      {.source = "/proc/meminfo", .limit_bytes = 32000 * kMiB, .free_bytes = 120 * kMiB}, Sample(100)};
  const auto target = NextExpertMemory(Full(), samples, kBounds.most_bytes, kBounds);
  EXPECT_EQ(target.bytes, 480 * kMiB) << "200 of the machine's 320 are missing";
  EXPECT_NE(target.reason.find("/proc/meminfo"), std::string::npos);
}

TEST(ExpertMemoryTarget, WhatIsOnItsWayCountsAsDone) {
  ExpertMemoryTarget target = Full();
  Repeat(target, Sample(0));
  ASSERT_EQ(target.bytes, 670 * kMiB);
  // The engine is in the middle of a step: it still uses 680.
  const MemorySample sample = Sample(0);
  for (int i = 0; i < 20; ++i) target = NextExpertMemory(target, {&sample, 1}, 680 * kMiB, kBounds);
  EXPECT_EQ(target.bytes, 670 * kMiB);
}

TEST(ExpertMemoryTarget, NeverBelowTheLeast) {
  ExpertMemoryTarget target = Full();
  for (int i = 0; i < 100; ++i) Repeat(target, Sample(0), 4);
  EXPECT_EQ(target.bytes, kBounds.least_bytes);
}

TEST(ExpertMemoryTarget, WaitingAndMeetingTheLimitAreAReasonOnlyWhenLittleIsFree) {
  MemorySample sample = Sample(15);
  sample.stalled_share = 0.2;
  ExpertMemoryTarget target = Full();
  EXPECT_EQ(Repeat(target, sample), kSqueezedSamples);
  EXPECT_EQ(target.bytes, 640 * kMiB);
  EXPECT_TRUE(target.reason.starts_with("tasks waited for memory 20 % of the time, and /sys")) << target.reason;
  sample.stalled_share = 0;
  sample.met_limit = true;  // by file pages, say
  EXPECT_EQ(Repeat(target, sample), kSqueezedSamples);
  EXPECT_TRUE(target.reason.starts_with("the limit was met, and /sys")) << target.reason;
  sample.free_bytes = 30 * kMiB;
  EXPECT_EQ(Repeat(target, sample), kCalmSamples) << "grows";
  EXPECT_EQ(target.bytes, 610 * kMiB);
  sample = Sample(15);
  sample.has_killed = true;
  EXPECT_EQ(Repeat(target, sample), 1);
  EXPECT_EQ(target.bytes, 450 * kMiB);
}

TEST(ExpertMemoryTarget, GrowsSlowlyAndLeavesTwiceTheReserve) {
  ExpertMemoryTarget target{.bytes = 400 * kMiB, .reason = {}};
  EXPECT_EQ(Repeat(target, Sample(20)), 0);
  EXPECT_EQ(Repeat(target, Sample(29)), 0) << "a crumb";
  EXPECT_EQ(Repeat(target, Sample(35)), kCalmSamples);
  EXPECT_EQ(target.bytes, 415 * kMiB);
  EXPECT_EQ(Repeat(target, Sample(1000)), kCalmSamples);
  EXPECT_EQ(target.bytes, 455 * kMiB) << "a step";
  // Unused yet: what it will take is not there for others to see.
  const MemorySample sample = Sample(50);
  for (int i = 0; i < 1000; ++i) target = NextExpertMemory(target, {&sample, 1}, 415 * kMiB, kBounds);
  EXPECT_EQ(target.bytes, 455 * kMiB);
  target.bytes = 670 * kMiB;
  EXPECT_EQ(Repeat(target, Sample(1000)), kCalmSamples);
  EXPECT_EQ(target.bytes, kBounds.most_bytes);
  EXPECT_EQ(Repeat(target, Sample(1000)), 0);
}

// A neighbour's memory that moves to a level and stays there, a thousand times: the target follows once and rests.
TEST(ExpertMemoryTarget, NeverOscillates) {
  std::mt19937 random(3);
  ExpertMemoryTarget target = Full();
  uint64_t in_use = target.bytes;
  int num_changes = 0;
  for (int phase = 0; phase < 1000; ++phase) {
    const uint64_t neighbour = random() % (kLimit - kBounds.least_bytes);
    int num_up = 0, num_down = 0;
    for (int i = 0; i < 20 * kCalmSamples; ++i) {
      if (random() % 4 == 0) in_use = target.bytes;  // the engine's step ends
      MemorySample sample = Sample(0);
      sample.free_bytes = kLimit - std::min(kLimit, neighbour + in_use);
      const uint64_t before = target.bytes;
      target = NextExpertMemory(target, {&sample, 1}, in_use, kBounds);
      ASSERT_GE(target.bytes, kBounds.least_bytes);
      ASSERT_LE(target.bytes, kBounds.most_bytes);
      num_up += target.bytes > before;
      num_down += target.bytes < before;
    }
    EXPECT_TRUE(num_up == 0 || num_down == 0) << phase;
    EXPECT_LE(num_down, 64) << phase;
    num_changes += num_up + num_down;
    const uint64_t wanted = kLimit - std::min(kLimit, neighbour + 10 * kMiB);
    EXPECT_LE(target.bytes, std::max(wanted, kBounds.least_bytes)) << phase << ": the reserve is free";
  }
  EXPECT_GT(num_changes, 1000);
}

}  // namespace
}  // namespace foregate
