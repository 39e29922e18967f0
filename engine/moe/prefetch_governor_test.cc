#include "engine/moe/prefetch_governor.h"

#include <gtest/gtest.h>

#include <random>

namespace foregate {
namespace {

constexpr GovernorLimits kLimits = {.max_bytes_per_layer = 1000};

// A machine on which speculation changes the stall by a factor that depends on how improbable its guesses are.
class Machine {
 public:
  using StallFactor = double (*)(float min_probability);

  // `busy_factor`: of the time that is no stall, in steps that guess.
  Machine(StallFactor factor, double noise, uint32_t seed, double busy_factor = 1)
      : factor_(factor), noise_(noise), busy_factor_(busy_factor), random_(seed) {}

  PrefetchCounters Step(const SpeculationBudget& budget) {
    const double random = std::uniform_real_distribution<double>(1 - noise_, 1 + noise_)(random_);
    PrefetchCounters step;
    const auto missing = static_cast<uint64_t>(1000000 * random);
    const double jitter = std::uniform_real_distribution<double>(1 - noise_ / 2, 1 + noise_ / 2)(random_);
    step.stall_seconds = 1e-6 * static_cast<double>(missing) * jitter;
    step.demand_bytes = missing;
    if (budget.allows_any()) {
      step.stall_seconds *= factor_(budget.min_probability);
      step.used_bytes = missing / 2;
      step.demand_bytes -= step.used_bytes;
      step.wasted_bytes = missing / 4;
    }
    const double busy = std::uniform_real_distribution<double>(1 - noise_ / 8, 1 + noise_ / 8)(random_);
    step.seconds = busy * (budget.allows_any() ? busy_factor_ : 1) + step.stall_seconds;
    return step;
  }

 private:
  StallFactor factor_;
  double noise_;
  double busy_factor_;
  std::mt19937 random_;
};

struct Outcome {
  double seconds = 0;
  double demand_only_seconds = 0;
  size_t num_with = 0;
  GovernorState state;
};

Outcome RunSteps(Machine::StallFactor factor, size_t num_steps, double noise, GovernorState state = {},
                 double busy_factor = 1) {
  Machine machine(factor, noise, 42, busy_factor), demand_only(factor, noise, 42);
  Outcome run;
  for (size_t i = 0; i < num_steps; ++i) {
    const SpeculationBudget budget = BudgetOf(state, kLimits);
    run.num_with += budget.allows_any() ? 1 : 0;
    const PrefetchCounters step = machine.Step(budget);
    run.seconds += step.seconds;
    run.demand_only_seconds += demand_only.Step({}).seconds;
    state = Govern(state, step);
  }
  run.state = state;
  return run;
}

TEST(PrefetchGovernor, SpeculatesWhereItPays) {
  const Outcome run = RunSteps([](float) { return 0.5; }, 400, 0.3);
  EXPECT_TRUE(run.state.is_on);
  EXPECT_GT(run.num_with, 360u);
  EXPECT_LT(run.num_with, 400u);
  EXPECT_GT(run.state.saved_share, 0.2);
  EXPECT_GT(run.demand_only_seconds / run.seconds, 1.28);
}

TEST(PrefetchGovernor, TurnsOffWhereItDoesNotAndTriesRarely) {
  const Outcome run = RunSteps([](float) { return 1.5; }, 400, 0.3);
  EXPECT_FALSE(run.state.is_on);
  EXPECT_LT(run.num_with, 24u);
  EXPECT_GT(run.num_with, 0u);
  EXPECT_GT(run.demand_only_seconds / run.seconds, 0.98);
}

// Certain guesses pay, improbable ones cost: it stays at those that pay.
TEST(PrefetchGovernor, GuessesThatSlowWhatIsComputedAreGivenUp) {
  const Outcome run = RunSteps([](float) { return 0.98; }, 800, 0.3, {}, 1.1);
  EXPECT_FALSE(run.state.is_on);
  EXPECT_LT(run.num_with, 200u);
  // What the stalls save may still be more.
  EXPECT_TRUE(RunSteps([](float) { return 0.5; }, 400, 0.3, {}, 1.1).state.is_on);
}

TEST(PrefetchGovernor, FindsHowImprobableAGuessMayBe) {
  const Outcome run = RunSteps([](float p) { return p > 0.6f ? 0.7 : 1.3; }, 1000, 0.2);
  EXPECT_TRUE(run.state.is_on);
  EXPECT_GT(BudgetOf(run.state, kLimits).min_probability, 0.6f);
  EXPECT_GT(run.demand_only_seconds / run.seconds, 1.10);
  const Outcome loose = RunSteps([](float p) { return 0.5 + 0.5 * p; }, 1000, 0.2);
  EXPECT_LT(BudgetOf(loose.state, kLimits).min_probability, 0.5f);
}

TEST(PrefetchGovernor, NeverCostsMuchWhateverTheNoise) {
  for (const double noise : {0.0, 0.2, 0.5}) {
    for (const Machine::StallFactor factor :
         std::initializer_list<Machine::StallFactor>{[](float) { return 1.0; }, [](float) { return 1.05; },
                                                     [](float) { return 1.2; }, [](float) { return 2.0; }}) {
      const Outcome run = RunSteps(factor, 400, noise);
      EXPECT_GT(run.demand_only_seconds / run.seconds, 0.98) << noise << " noise, factor " << factor(0.5f);
    }
  }
}

TEST(PrefetchGovernor, ComesBackWhenItPaysAgain) {
  Outcome run = RunSteps([](float) { return 1.5; }, 300, 0.1);
  ASSERT_FALSE(run.state.is_on);
  run = RunSteps([](float) { return 0.4; }, 1000, 0.1, run.state);
  EXPECT_TRUE(run.state.is_on);
  run = RunSteps([](float) { return 1.5; }, 300, 0.1, run.state);
  EXPECT_FALSE(run.state.is_on);
}

// What a guess evicted and a layer wanted again is a cost, even where the stall of the same step shrinks.
TEST(PrefetchGovernor, RegretsCount) {
  GovernorState state;
  for (int i = 0; i < 100; ++i) {
    const bool speculates = BudgetOf(state, kLimits).allows_any();
    PrefetchCounters step = {.seconds = 2, .stall_seconds = 1, .demand_bytes = 1000};
    if (speculates) {
      step.stall_seconds = 0.8;
      step.demand_bytes = 700;
      step.used_bytes = 300;
      step.regretted_bytes = 400;
    }
    state = Govern(state, step);
  }
  EXPECT_FALSE(state.is_on);
}

// A prompt between decode steps is not compared with them.
TEST(PrefetchGovernor, PromptsAreNotCompared) {
  GovernorState state;
  for (int i = 0; i < 400; ++i) {
    PrefetchCounters step = {.seconds = 2, .stall_seconds = 1, .demand_bytes = 1000};
    if (BudgetOf(state, kLimits).allows_any()) {
      step.seconds = 1.7;
      step.stall_seconds = 0.7;
      step.demand_bytes = 600;
      step.used_bytes = 400;
    }
    if (i % 20 == 19) step = {.seconds = 1000, .stall_seconds = 900, .demand_bytes = 100000};
    state = Govern(state, step);
  }
  EXPECT_TRUE(state.is_on);
  EXPECT_NEAR(state.saved_share, 0.3 / 1.7, 0.05);
}

// Everything that is wanted is resident, and guesses go on being read: there is nothing to save.
TEST(PrefetchGovernor, GuessesWithoutNeedAreTurnedOff) {
  GovernorState state;
  size_t num_with = 0;
  for (int i = 0; i < 400; ++i) {
    PrefetchCounters step = {.seconds = 1};
    if (BudgetOf(state, kLimits).allows_any()) {
      step.wasted_bytes = 1000;
      ++num_with;
    }
    state = Govern(state, step);
  }
  EXPECT_FALSE(state.is_on);
  EXPECT_LT(num_with, 40u);
}

TEST(PrefetchGovernor, NothingMissingIsNothingToDecide) {
  GovernorState state;
  for (int i = 0; i < 200; ++i) state = Govern(state, {.seconds = 1});
  EXPECT_EQ(state.saved_share, 0);
  EXPECT_TRUE(state.is_on);
}

}  // namespace
}  // namespace foregate
