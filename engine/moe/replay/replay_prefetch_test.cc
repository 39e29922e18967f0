// Replays with reads ahead of demand. All times are virtual.
#include <gtest/gtest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <utility>

#include "engine/moe/replay/replay.h"
#include "engine/moe/replay/replay_balance.h"
#include "engine/moe/replay/synthetic_trace.h"

namespace foregate {
namespace {

using Kind = PrefetchSource::Kind;

// Reading an expert takes a second, and so does computing it.
ReplayOptions SecondEach(uint64_t memory_bytes, const PrefetchSource& source) {
  return {.memory_bytes = memory_bytes, .bytes_per_second = 1000, .expert_seconds = 1, .source = source};
}

uint64_t Percent(const ReplayTrace& trace, double percent) {
  return static_cast<uint64_t>(percent / 100 * static_cast<double>(trace.header().expert_bytes()));
}

TEST(ReplayPrefetch, CommittedReadsHideBehindComputing) {
  const SyntheticShape shape = {.num_layers = 3, .num_experts = 100, .top_k = 1, .num_steps = 1};
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kUniform, shape, 1);
  EXPECT_EQ(Replay(trace, SecondEach(300000, {}))->seconds(), 6);
  const ReplayResult committed = *Replay(trace, SecondEach(300000, {.kind = Kind::kCommitted}));
  // Only the first layer waits; every other expert is read while the layer before it computes.
  EXPECT_EQ(committed.seconds(), 4);
  EXPECT_EQ(committed.total.num_hits, 2u);
  EXPECT_EQ(committed.class_bytes, (std::array<uint64_t, 3>{1000, 2000, 0}));
  EXPECT_EQ(committed.num_late, 0u);
  // Two layers ahead the second one is unknown as well.
  EXPECT_EQ(Replay(trace, SecondEach(300000, {.kind = Kind::kCommitted, .lead = 2}))->class_bytes[1], 1000u);
}

TEST(ReplayPrefetch, NoCommittedByteIsWasted) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kSkewed, {.num_steps = 100}, 2);
  for (const double percent : {5.0, 25.0, 100.0}) {
    const ReplayOptions options = SecondEach(Percent(trace, percent), {});
    const ReplayResult demand = *Replay(trace, options);
    const ReplayResult committed = *Replay(trace, SecondEach(options.memory_bytes, {.kind = Kind::kCommitted}));
    EXPECT_EQ(committed.wasted_bytes + committed.used_bytes + committed.class_bytes[2], 0u);
    EXPECT_LT(committed.seconds(), demand.seconds()) << percent;
    // Every expert that was read served at least one visit, so there are no more reads than misses of demand alone,
    // but for what the shifted evictions change.
    const double read = static_cast<double>(committed.class_bytes[0] + committed.class_bytes[1]);
    EXPECT_LT(read, 1.1 * static_cast<double>(demand.class_bytes[0])) << percent;
  }
}

TEST(ReplayPrefetch, WrongGuessesAreWasteAndNothingElse) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kUniform, {.num_steps = 50}, 3);
  const ReplayOptions plain = SecondEach(Percent(trace, 25), {});
  ReplayOptions wrong = SecondEach(plain.memory_bytes, {.kind = Kind::kSpeculation, .accuracy = 0});
  wrong.min_probability = 0;
  const ReplayResult result = *Replay(trace, wrong);
  EXPECT_EQ(result.used_bytes, 0u);
  EXPECT_GT(result.wasted_bytes, 0u);
  EXPECT_EQ(result.wasted_bytes, result.class_bytes[2]);
  EXPECT_EQ(result.total.num_wanted, Replay(trace, plain)->total.num_wanted);
  // With guesses that are never wrong it is as good as a pre-gate that may not take more than its part of the memory.
  ReplayOptions right = wrong;
  right.source.accuracy = 1;
  EXPECT_EQ(Replay(trace, right)->wasted_bytes, 0u);
  EXPECT_LT(Replay(trace, right)->seconds(), Replay(trace, plain)->seconds());
}

TEST(ReplayPrefetch, ThePredictorFindsWhatFollows) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kFollowing, {.num_steps = 600}, 4);
  ReplayOptions options = SecondEach(Percent(trace, 25), {.kind = Kind::kPredictor});
  const ReplayResult predicted = *Replay(trace, options);
  EXPECT_GT(predicted.used_bytes, 3 * predicted.wasted_bytes);
  options.source = {};
  EXPECT_LT(predicted.stall_seconds, 0.5 * Replay(trace, options)->stall_seconds);
}

TEST(ReplayPrefetch, TheGovernorTurnsGuessesOff) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kUniform, {}, 5);
  ReplayOptions options = SecondEach(Percent(trace, 12.5), {.kind = Kind::kSpeculation, .accuracy = 0.05});
  options.min_probability = 0;
  const ReplayResult free = *Replay(trace, options);
  options.is_governed = true;
  const ReplayResult governed = *Replay(trace, options);
  EXPECT_LT(governed.class_bytes[2], free.class_bytes[2] / 20);
  EXPECT_GT(governed.num_control_steps, 20u);
}

TEST(ReplayPrefetch, TwoSlotsSufficeForEverySource) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kSkewed, {.num_steps = 30}, 6);
  const ReplayTrace merged = *trace.Merge(5);
  for (const Kind kind : {Kind::kNone, Kind::kCommitted, Kind::kSpeculation, Kind::kPredictor}) {
    for (const uint64_t request_bytes : {0, 300}) {
      ReplayOptions options = SecondEach(2000, {.kind = kind, .accuracy = 0.8});
      options.request_bytes = request_bytes;
      options.in_flight_bytes = 2 * request_bytes;
      options.min_probability = 0;
      const ReplayResult result = *Replay(merged, options);
      EXPECT_EQ(result.total.num_wanted, Replay(merged, SecondEach(2000, {}))->total.num_wanted);
      EXPECT_EQ(result.steps.size(), 6u);
    }
  }
}

TEST(ReplayPrefetch, TheSameTwice) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kSkewed, {.num_steps = 60}, 7);
  ReplayOptions options = SecondEach(Percent(trace, 25), {.kind = Kind::kSpeculation, .accuracy = 0.8});
  options.is_governed = true;
  EXPECT_EQ(Replay(trace, options)->seconds(), Replay(trace, options)->seconds());
}

TEST(ReplayPrefetch, WhatCannotBeIsRefused) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kUniform, {.num_steps = 2}, 8);
  EXPECT_FALSE(Replay(trace, SecondEach(9000, {.kind = Kind::kCommitted, .lead = 5})).ok());
  EXPECT_FALSE(Replay(trace, SecondEach(9000, {.kind = Kind::kSpeculation, .accuracy = 1.5})).ok());
  EXPECT_FALSE(Balance(trace, {.memory_bytes = 9000}, {}).ok());
  EXPECT_FALSE(Balance(trace, SecondEach(9000, {}), {.after_rows = 2}).ok());
  EXPECT_FALSE(Balance(trace, SecondEach(9000, {}), {.layer_share = 1}).ok());
}

TEST(ReplayBalance, TransferTakesAsLongAsComputing) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kSkewed, {.num_steps = 100}, 9);
  ReplayOptions options =
      *Balance(trace, SecondEach(Percent(trace, 25), {}), {.transfer_ratio = 2, .layer_share = 0.25, .after_rows = 20});
  options.policy = EvictLeastRecentlyUsed;
  const ReplayResult result = *Replay(trace, options);
  double transfer = 0, compute = 0;
  for (size_t i = 20; i < result.steps.size(); ++i) {
    transfer += result.steps[i].blocking_stall_seconds;
    compute += result.steps[i].compute_seconds;
  }
  EXPECT_NEAR(transfer / compute, 2, 1e-9);
  EXPECT_NEAR(80 * 6 * options.layer_seconds / compute, 0.25, 1e-9);
}

// The memory holds just what the trace uses, so demand alone reads nothing after the first round. Wrong guesses go
// first, and take no place for long.
TEST(ReplayPrefetch, ACacheThatJustFitsLosesNothingToGuesses) {
  const ReplayTrace trace =
      *SyntheticTrace(SyntheticRouting::kSkewed, {.num_experts = 256, .top_k = 2, .num_steps = 150}, 11).Repeat(5);
  std::set<std::pair<int32_t, int32_t>> used;
  for (size_t i = 0; i < trace.num_visits(); ++i)
    for (const int32_t expert : trace.visit(i).choices) used.insert({trace.visit(i).layer_index, expert});
  ReplayOptions options = SecondEach(1000 * used.size(), {});
  const ReplayResult demand = *Replay(trace, options);
  EXPECT_EQ(demand.num_evictions, 0u);
  options.source = {.kind = Kind::kSpeculation, .accuracy = 0.88};
  EXPECT_GT(Replay(trace, options)->rows_per_second(200), 0.997 * demand.rows_per_second(200));
  EXPECT_LT(Replay(trace, options)->regretted_bytes, 1000 * used.size() / 15);
  options.is_governed = true;
  EXPECT_GT(Replay(trace, options)->rows_per_second(200), 0.997 * demand.rows_per_second(200));
}

// Everything is resident by then: the whole run says how long computing takes.
TEST(ReplayBalance, WithoutTransfersTheWholeRunCounts) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kUniform, {.num_layers = 2, .num_experts = 8}, 9);
  const ReplayOptions options = SecondEach(Percent(trace, 100), {});
  const ReplayOptions late = *Balance(trace, options, {.after_rows = 300});
  EXPECT_GT(late.expert_seconds, 0);
  EXPECT_EQ(late.expert_seconds, Balance(trace, options, {})->expert_seconds);
}

// What the house promises of pre-gates at a quarter of the experts and equal transfer and compute time.
TEST(ReplayPrefetch, PreGatedAgainstBlockingAndResidentFirst) {
  const ReplayTrace trace = SyntheticTrace(SyntheticRouting::kSkewed, {.num_layers = 8, .num_experts = 64}, 10);
  ReplayOptions options = *Balance(trace, SecondEach(Percent(trace, 25), {}), {.layer_share = 0.35, .after_rows = 200});
  options.policy = EvictLeastRecentlyUsed;
  const ReplayResult lru = *Replay(trace, options);
  options.policy = EvictFarthestExpectedUse;
  options.source.kind = Kind::kCommitted;
  const double committed = Replay(trace, options)->rows_per_second(200);
  EXPECT_GT(committed / lru.blocking_rows_per_second(200), 1.45);
  EXPECT_GT(committed / lru.rows_per_second(200), 1.2);
}

struct Guesser {
  const char* name;
  PrefetchSource source;
};

class GovernedReplay : public testing::TestWithParam<SyntheticRouting> {};

// At least 0.98 of demand alone after 200 tokens, whatever is guessed, remembered and batched.
TEST_P(GovernedReplay, IsNeverMuchSlowerThanDemandOnly) {
  const std::initializer_list<Guesser> guessers = {
      {"88 %", {.kind = Kind::kSpeculation, .accuracy = 0.88}},
      {"50 %", {.kind = Kind::kSpeculation, .accuracy = 0.5}},
      {"10 %", {.kind = Kind::kSpeculation, .accuracy = 0.1}},
      {"predictor", {.kind = Kind::kPredictor}},
  };
  for (const size_t batch : {1, 4, 16}) {
    const ReplayTrace trace = *SyntheticTrace(GetParam(), {.num_steps = 480}, 20).Merge(batch);
    for (const double percent : {5.0, 12.5, 25.0, 50.0, 100.0}) {
      ReplayOptions options = SecondEach(Percent(trace, percent), {});
      options = *Balance(trace, options, {.transfer_ratio = percent < 25 ? 3.0 : 1.0, .layer_share = 0.2});
      const ReplayResult demand = *Replay(trace, options);
      const size_t first = StepAfterRows(demand, 200);
      options.is_governed = true;
      for (const Guesser& guesser : guessers) {
        options.source = guesser.source;
        EXPECT_GT(Replay(trace, options)->rows_per_second(first), 0.98 * demand.rows_per_second(first))
            << guesser.name << ", " << percent << " % resident, batch " << batch;
      }
    }
  }
}

std::string RoutingName(const testing::TestParamInfo<SyntheticRouting>& instance) {
  constexpr const char* kNames[] = {"Skewed", "Uniform", "Following", "Treacherous"};
  return kNames[static_cast<size_t>(instance.param)];
}

INSTANTIATE_TEST_SUITE_P(All, GovernedReplay,
                         testing::Values(SyntheticRouting::kSkewed, SyntheticRouting::kUniform,
                                         SyntheticRouting::kFollowing, SyntheticRouting::kTreacherous),
                         RoutingName);

}  // namespace
}  // namespace foregate
