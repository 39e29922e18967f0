// The scheduler over random traffic, simulated with plain numbers: budget and blocks are never exceeded, the order is
// kept, everybody finishes, and the plan is a function of the snapshot's set of sequences.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "engine/schedule/scheduler.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr int32_t kUnlimited = std::numeric_limits<int32_t>::max();

struct Simulated {
  SequenceSnapshot state;
  int32_t final_tokens = 0;
};

class SchedulerProperty : public testing::TestWithParam<uint64_t> {
 protected:
  int32_t Draw(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  static int32_t Blocks(int32_t tokens, int32_t block_size) { return (tokens + block_size - 1) / block_size; }

  std::mt19937_64 random_{GetParam()};
};

TEST_P(SchedulerProperty, KeepsItsPromises) {
  SchedulerSnapshot snapshot;
  SchedulerLimits& limits = snapshot.limits;
  limits = SchedulerLimits{Draw(1, 40), Draw(1, 8), Draw(1, 20), Draw(1, 8), 0};
  const bool is_paced = Draw(0, 1) == 1;
  const int32_t longest = 40;
  const int32_t total_blocks = Blocks(longest, limits.block_size) + Draw(0, 20);
  const int64_t aging_us = Draw(0, 2) * 10;
  std::vector<Simulated> alive;
  int32_t to_come = 60;
  uint64_t ticket = 0;
  ServiceOrder order;
  StepPlan plan;
  StepPlan again;
  for (int64_t now = 0; to_come > 0 || !alive.empty(); ++now) {
    ASSERT_LT(now, 20'000) << "somebody starves";
    while (to_come > 0 && random_() % 4 == 0) {
      --to_come;
      Simulated newcomer;
      newcomer.state.order = MakeScheduleOrder(Draw(-2, 2), now, aging_us, ticket++, 0);
      newcomer.state.num_tokens = Draw(1, longest - 1);
      newcomer.final_tokens = Draw(newcomer.state.num_tokens + 1, longest);
      alive.push_back(newcomer);
    }
    snapshot.sequences.clear();
    int32_t held = 0;
    for (const Simulated& s : alive) {
      snapshot.sequences.push_back(s.state);
      held += s.state.num_blocks;
    }
    ASSERT_LE(held, total_blocks);
    snapshot.num_available_blocks = total_blocks - held;
    // Now and then nothing beside decode rows, as when a step only measures.
    limits.max_prefill_rows = is_paced ? Draw(0, 3) : kUnlimited;
    PlanStep(snapshot, &order, &plan);
    PlanStep(snapshot, &order, &again);
    ASSERT_EQ(plan, again);

    for (const int32_t index : plan.preempted) {
      Simulated& s = alive[static_cast<size_t>(index)];
      ASSERT_TRUE(s.state.running);
      for (const ScheduledWork& work : plan.work) {
        ASSERT_FALSE(work.admitted);
        // Only those behind everybody who decodes now were preempted.
        ASSERT_NE(work.index, index);
        if (s.state.num_tokens - s.state.num_computed == 1) {
          ASSERT_LT(alive[static_cast<size_t>(work.index)].state.order, s.state.order);
        }
      }
      s.state.running = false;
      s.state.num_computed = s.state.num_blocks = s.state.num_exclusive = 0;
    }
    int32_t rows = 0;
    int32_t decode_rows = 0;
    std::vector<uint8_t> planned(alive.size());
    for (const ScheduledWork& work : plan.work) {
      Simulated& s = alive[static_cast<size_t>(work.index)];
      ASSERT_FALSE(planned[static_cast<size_t>(work.index)]);
      planned[static_cast<size_t>(work.index)] = 1;
      ASSERT_EQ(work.admitted, !s.state.running);
      ASSERT_GE(work.num_tokens, 1);
      ASSERT_LE(work.num_tokens, limits.prefill_chunk_tokens);
      rows += work.num_tokens;
      decode_rows += s.state.running && s.state.num_tokens - s.state.num_computed == 1 ? 1 : 0;
      if (work.admitted) {
        for (const Simulated& other : alive) {  // no overtaking
          const size_t i = static_cast<size_t>(&other - alive.data());
          if (!other.state.running && !planned[i]) {
            ASSERT_LT(s.state.order, other.state.order);
          }
        }
      }
      s.state.running = true;
      s.state.num_computed += work.num_tokens;
      ASSERT_LE(s.state.num_computed, s.state.num_tokens);
      s.state.num_blocks = s.state.num_exclusive = Blocks(s.state.num_tokens, limits.block_size);
    }
    ASSERT_LE(rows, limits.max_batch_tokens);
    ASSERT_TRUE(decode_rows == 0 || rows - decode_rows <= limits.max_prefill_rows);
    ASSERT_TRUE(alive.empty() || !plan.work.empty());  // somebody always advances
    ASSERT_LE(std::count_if(alive.begin(), alive.end(), [](const Simulated& s) { return s.state.running; }),
              limits.max_running);
    for (Simulated& s : alive)
      if (s.state.running && s.state.num_computed == s.state.num_tokens) ++s.state.num_tokens;
    std::erase_if(alive, [](const Simulated& s) { return s.state.num_tokens == s.final_tokens; });
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerProperty, testing::Range<uint64_t>(0, 60));

}  // namespace
}  // namespace foregate
