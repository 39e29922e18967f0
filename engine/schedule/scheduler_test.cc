#include "engine/schedule/scheduler.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

SchedulerSnapshot MakeSnapshot(int32_t available) {
  SchedulerSnapshot snapshot;
  snapshot.limits = SchedulerLimits{16, 4, 8, 4};
  snapshot.num_available_blocks = available;
  return snapshot;
}

SequenceSnapshot Running(uint64_t ticket, int32_t num_tokens, int32_t num_computed) {
  SequenceSnapshot sequence;
  sequence.order.ticket = ticket;
  sequence.running = true;
  sequence.num_tokens = num_tokens;
  sequence.num_computed = num_computed;
  sequence.num_blocks = sequence.num_exclusive = (num_tokens - 1 + 3) / 4;
  return sequence;
}

SequenceSnapshot Waiting(uint64_t ticket, int32_t num_tokens) {
  SequenceSnapshot sequence;
  sequence.order.ticket = ticket;
  sequence.num_tokens = num_tokens;
  return sequence;
}

StepPlan Plan(const SchedulerSnapshot& snapshot) {
  StepPlan plan;
  ServiceOrder order;
  PlanStep(snapshot, &order, &plan);
  return plan;
}

using Works = std::vector<ScheduledWork>;

TEST(SchedulerTest, DecodesFirstThenChunksThenAdmissions) {
  SchedulerSnapshot snapshot = MakeSnapshot(100);
  snapshot.sequences = {Waiting(3, 9), Running(1, 30, 4), Running(2, 6, 5)};
  EXPECT_EQ(Plan(snapshot).work, (Works{{2, 1, false}, {1, 8, false}, {0, 7, true}}));
}

TEST(SchedulerTest, PaceHoldsPrefillBackBesideDecodeRows) {
  SchedulerSnapshot snapshot = MakeSnapshot(100);
  snapshot.limits.max_prefill_rows = 5;
  snapshot.sequences = {Running(1, 30, 4), Running(2, 6, 5), Running(3, 3, 2)};
  EXPECT_EQ(Plan(snapshot).work, (Works{{1, 1, false}, {2, 1, false}, {0, 5, false}}));
  // Nobody takes more than half while another wants some, and the rest goes to the next in the order.
  snapshot.sequences = {Running(1, 30, 4), Running(2, 6, 5), Waiting(3, 2), Waiting(4, 9)};
  EXPECT_EQ(Plan(snapshot).work, (Works{{1, 1, false}, {0, 3, false}, {2, 2, true}}));
  snapshot.limits.max_prefill_rows = 0;
  EXPECT_EQ(Plan(snapshot).work, (Works{{1, 1, false}}));
  // The step's own budget stays what it is.
  snapshot.limits.max_prefill_rows = 15;
  EXPECT_EQ(Plan(snapshot).work, (Works{{1, 1, false}, {0, 8, false}, {2, 2, true}, {3, 5, true}}));
}

TEST(SchedulerTest, NothingIsPacedWhenNobodyDecodes) {
  SchedulerSnapshot snapshot = MakeSnapshot(1);
  snapshot.limits.max_prefill_rows = 0;
  snapshot.sequences = {Running(1, 30, 4), Waiting(2, 3)};
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 8, false}}));
  // Those who want to decode have no block: somebody must advance.
  snapshot.num_available_blocks = 0;
  snapshot.sequences = {Running(1, 30, 4), Running(2, 9, 8)};
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 8, false}}));
}

TEST(SchedulerTest, WaitingAreAdmittedInOrderAndNobodyOvertakes) {
  SchedulerSnapshot snapshot = MakeSnapshot(3);
  snapshot.sequences = {Waiting(2, 1), Waiting(1, 13)};  // 13 tokens need 4 blocks
  EXPECT_TRUE(Plan(snapshot).work.empty());
  snapshot.num_available_blocks = 6;
  EXPECT_EQ(Plan(snapshot).work, (Works{{1, 8, true}, {0, 1, true}}));
}

TEST(SchedulerTest, AdmissionLeavesABlockPerRunningSequence) {
  SchedulerSnapshot snapshot = MakeSnapshot(2);
  snapshot.sequences = {Running(1, 6, 5), Waiting(2, 8)};
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 1, false}}));
  snapshot.num_available_blocks = 3;
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 1, false}, {1, 8, true}}));
}

TEST(SchedulerTest, PrefixHitsShortenTheChunkAndTakeCachedBlocks) {
  SchedulerSnapshot snapshot = MakeSnapshot(3);
  SequenceSnapshot hit = Waiting(1, 11);
  hit.num_computed = 8;
  hit.num_cached_blocks = 2;
  snapshot.sequences = {hit};
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 3, true}}));
  snapshot.num_available_blocks = 2;
  EXPECT_TRUE(Plan(snapshot).work.empty());
}

TEST(SchedulerTest, SlotsOfSamplesCount) {
  SchedulerSnapshot snapshot = MakeSnapshot(100);
  snapshot.sequences = {Waiting(1, 4), Waiting(2, 4), Waiting(3, 4)};
  snapshot.sequences[0].num_slots = 3;
  snapshot.sequences[1].num_slots = 2;
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 4, true}}));
}

TEST(SchedulerTest, PreemptsTheLastAndAdmitsNobody) {
  SchedulerSnapshot snapshot = MakeSnapshot(0);
  snapshot.sequences = {Running(1, 5, 4), Running(3, 3, 2), Running(2, 7, 6), Waiting(4, 1)};
  // The first needs a second block: the sequence of ticket 3 goes, that of ticket 2 fits in its own block.
  const StepPlan plan = Plan(snapshot);
  EXPECT_EQ(plan.preempted, (std::vector<int32_t>{1}));
  EXPECT_EQ(plan.work, (Works{{0, 1, false}, {2, 1, false}}));
}

TEST(SchedulerTest, TheLastStallsInsteadOfPreemptingOthers) {
  SchedulerSnapshot snapshot = MakeSnapshot(0);
  snapshot.sequences = {Running(1, 7, 6), Running(2, 5, 4)};
  const StepPlan plan = Plan(snapshot);
  EXPECT_TRUE(plan.preempted.empty());
  EXPECT_EQ(plan.work, (Works{{0, 1, false}}));
}

TEST(SchedulerTest, WhoIsHeldSitsOutAndKeepsItsBlocks) {
  SchedulerSnapshot snapshot = MakeSnapshot(0);
  snapshot.sequences = {Running(1, 7, 6), Running(2, 7, 6), Running(3, 7, 6)};
  snapshot.sequences[0].is_held = true;
  snapshot.sequences[2].is_held = true;
  StepPlan plan = Plan(snapshot);
  EXPECT_TRUE(plan.preempted.empty());
  EXPECT_EQ(plan.work, (Works{{1, 1, false}}));
  // It is no further from being preempted than others behind who needs a block.
  snapshot.sequences[1] = Running(2, 5, 4);
  plan = Plan(snapshot);
  EXPECT_EQ(plan.preempted, (std::vector<int32_t>{2}));
  EXPECT_EQ(plan.work, (Works{{1, 1, false}}));
}

TEST(SchedulerTest, NobodyIsHeldWhenNobodyElseDecodes) {
  SchedulerSnapshot snapshot = MakeSnapshot(0);
  snapshot.sequences = {Running(1, 7, 6), Running(2, 5, 4)};
  snapshot.sequences[0].is_held = true;
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 1, false}})) << "the other one has no block";
  snapshot.sequences[1].is_held = true;
  EXPECT_EQ(Plan(snapshot).work, (Works{{0, 1, false}}));
  // A prompt is not held, whatever is said of it.
  snapshot = MakeSnapshot(9);
  snapshot.sequences = {Running(1, 30, 4), Running(2, 7, 6)};
  snapshot.sequences[0].is_held = true;
  EXPECT_EQ(Plan(snapshot).work, (Works{{1, 1, false}, {0, 8, false}}));
}

TEST(SchedulerTest, SharedLastBlockNeedsACopy) {
  SchedulerSnapshot snapshot = MakeSnapshot(1);
  snapshot.sequences = {Running(1, 7, 6), Running(2, 7, 6)};
  for (SequenceSnapshot& sequence : snapshot.sequences) {
    sequence.last_block_shared = true;
    sequence.num_exclusive = 0;
  }
  const StepPlan plan = Plan(snapshot);
  EXPECT_TRUE(plan.preempted.empty());
  EXPECT_EQ(plan.work, (Works{{0, 1, false}}));
}

TEST(SchedulerTest, OrderIsPriorityWithAging) {
  const auto order = [](int32_t priority, int64_t arrival_us, int64_t aging_us = 1000) {
    return MakeScheduleOrder(priority, arrival_us, aging_us, 0, 0);
  };
  EXPECT_LT(order(0, 10), order(0, 20));
  EXPECT_LT(order(1, 20), order(0, 10));
  EXPECT_LT(order(0, 10), order(1, 1011));  // waited more than one priority's worth
  EXPECT_LT(order(-1, 10), order(0, 5000));
  EXPECT_LT(order(1, 1'000'000, 0), order(0, 1, 0));  // without aging priority is strict
  const int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_LT(order(2'000'000'000, 1, huge), order(0, 1, huge));
  EXPECT_LT(order(0, 1, huge), order(-2'000'000'000, 1, huge));
}

}  // namespace
}  // namespace foregate
