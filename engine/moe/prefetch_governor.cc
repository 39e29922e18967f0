#include "engine/moe/prefetch_governor.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace foregate {
namespace {

constexpr std::array<float, 5> kMinProbabilities = {0.85f, 0.7f, 0.55f, 0.4f, 0.25f};  // by level
constexpr uint32_t kFirstCycleSteps = 8;
constexpr uint32_t kMostStepsOn = 64;
constexpr uint32_t kFirstStepsOff = 16;
constexpr uint32_t kMostStepsOff = 256;
constexpr uint32_t kMinorSteps = 2;  // of a cycle: controls while on, trials while off
constexpr double kMemory = 0.75;     // of a cycle's sums that the next one keeps
constexpr double kLeastSteps = 2;    // of each arm, to compare them
constexpr double kFarFromUsual = 3;  // times more missing bytes than usual
constexpr double kUsualRate = 0.2;
constexpr double kLeastGuessed = 0.02;  // of missing bytes: with fewer guesses there is nothing to compare
constexpr double kVain = 2;             // times what is missing: there is little to save,
                                        // and much is read for it
constexpr double kLeastSaved = 0.002;   // of a step's time: less is nothing
// Levels are compared at different times, in which much else changes: only a
// large loss is the level's.
constexpr double kMuchLess = 0.5;
constexpr uint32_t kFirstHold = 2;
constexpr uint32_t kMostHold = 16;

// Stall per missing byte, or time per step that is no stall, and the variance of its estimate.
struct Rate {
  double mean = 0;
  double variance = 0;
};

Rate StallRate(const GovernorState::Arm& arm) {
  if (arm.missing_bytes <= 0 || arm.num_steps <= 0) return {};
  const double mean = arm.stall_seconds / arm.missing_bytes;
  const double of_steps = std::max(arm.stall_squares / arm.missing_bytes - mean * mean, 0.0);
  return {.mean = mean, .variance = of_steps / arm.num_steps};
}

Rate BusyTime(const GovernorState::Arm& arm) {
  if (arm.num_steps <= 0) return {};
  const double mean = (arm.seconds - arm.stall_seconds) / arm.num_steps;
  const double of_steps = std::max(arm.busy_squares / arm.num_steps - mean * mean, 0.0);
  return {.mean = mean, .variance = of_steps / arm.num_steps};
}

void Add(const PrefetchCounters& step, double missing_bytes, GovernorState::Arm* arm) {
  arm->num_steps += 1;
  arm->seconds += step.seconds;
  arm->stall_seconds += step.stall_seconds;
  arm->missing_bytes += missing_bytes;
  if (missing_bytes > 0) arm->stall_squares += step.stall_seconds * step.stall_seconds / missing_bytes;
  const double busy_seconds = step.seconds - step.stall_seconds;
  arm->busy_squares += busy_seconds * busy_seconds;
  arm->guessed_bytes += static_cast<double>(step.used_bytes + step.wasted_bytes);
  arm->regretted_bytes += static_cast<double>(step.regretted_bytes);
}

void Fade(GovernorState::Arm* arm) {
  for (double* sum : {&arm->num_steps, &arm->seconds, &arm->stall_seconds, &arm->missing_bytes, &arm->stall_squares,
                      &arm->busy_squares, &arm->guessed_bytes, &arm->regretted_bytes})
    *sum *= kMemory;
}

// The share of a step's time that speculation saves, and the standard error of
// that.
struct Saved {
  double share = 0;
  double error = 0;
};

Saved Compare(const GovernorState& state) {
  const GovernorState::Arm& with = state.with;
  if (with.seconds <= 0) return {};
  const Rate before = StallRate(state.without), after = StallRate(with);
  // A control step's regrets are what guesses of the steps before did.
  const double regretted = with.regretted_bytes + state.without.regretted_bytes;
  const Rate busy_before = BusyTime(state.without), busy_after = BusyTime(with);
  const double saved = (before.mean - after.mean) * with.missing_bytes - before.mean * regretted -
                       (busy_after.mean - busy_before.mean) * with.num_steps;
  const double error = std::hypot(std::sqrt(before.variance + after.variance) * with.missing_bytes,
                                  std::sqrt(busy_before.variance + busy_after.variance) * with.num_steps);
  return {.share = saved / with.seconds, .error = error / with.seconds};
}

void TurnOff(GovernorState* state) {
  state->is_on = false;
  state->cycle_steps = kFirstStepsOff;
  state->level = 0;
}

void GoTo(uint32_t level, GovernorState* state) {
  state->level = level;
  state->with = {};
  state->cycle_steps = kFirstCycleSteps;
}

void Stricter(GovernorState* state) {
  if (state->level == 0) return TurnOff(state);
  GoTo(state->level - 1, state);
  state->stricter_saved_share = 0;
  state->hold_cycles = state->next_hold;
  state->next_hold = std::min(2 * state->next_hold, kMostHold);
}

void EndCycleOn(const Saved& saved, bool has_guesses, bool is_vain, GovernorState* state) {
  const bool is_harmful = saved.share < -kLeastSaved - saved.error / 2;
  const bool is_worse = saved.share + saved.error < kMuchLess * state->stricter_saved_share;
  if (is_vain || (has_guesses && (is_harmful || is_worse))) return Stricter(state);
  // Looking ahead for nothing costs, too, where less strict levels do not help.
  const bool was_less_strict = state->next_hold > kFirstHold || state->level + 1 == kMinProbabilities.size();
  if (!has_guesses && state->with.missing_bytes > 0 && was_less_strict) return TurnOff(state);
  if (state->hold_cycles > 0) --state->hold_cycles;
  if (state->hold_cycles == 0 && state->level + 1 < kMinProbabilities.size()) {
    state->stricter_saved_share = has_guesses ? std::max(saved.share - saved.error, 0.0) : 0;
    state->hold_cycles = 1;
    return GoTo(state->level + 1, state);
  }
  if (!has_guesses || saved.share > std::max(kLeastSaved, saved.error))
    state->cycle_steps = std::min(2 * state->cycle_steps, kMostStepsOn);
}

void EndCycleOff(const Saved& saved, bool has_guesses, GovernorState* state) {
  if (has_guesses && saved.share > std::max(kLeastSaved, saved.error / 2)) {
    state->is_on = true;
    state->cycle_steps = kFirstCycleSteps;
    state->hold_cycles = state->next_hold;
    return;
  }
  state->cycle_steps = std::min(2 * state->cycle_steps, kMostStepsOff);
  // Nothing was as probable: the next trial takes less. What did not pay is not tried less strictly.
  const uint32_t next = has_guesses ? 0 : std::min<uint32_t>(state->level + 1, kMinProbabilities.size() - 1);
  if (next != state->level) state->with = {};
  state->level = next;
}

void EndCycle(GovernorState* state) {
  state->num_steps = 0;
  if (state->with.num_steps < kLeastSteps || state->without.num_steps < kLeastSteps) return;
  const Saved saved = Compare(*state);
  const bool has_guesses = state->with.guessed_bytes > kLeastGuessed * state->with.missing_bytes;
  const bool is_vain = state->with.guessed_bytes > kVain * state->with.missing_bytes;
  state->saved_share = saved.share;
  Fade(&state->with);
  Fade(&state->without);
  if (state->is_on)
    EndCycleOn(saved, has_guesses, is_vain, state);
  else
    EndCycleOff(saved, has_guesses, state);
}

}  // namespace

bool SpeculatesNext(const GovernorState& state) {
  // The minor kind comes last in the cycle, so that a new state's first steps
  // are the rule's.
  const bool is_minor = state.num_steps + kMinorSteps >= state.cycle_steps;
  return state.is_on != is_minor;
}

SpeculationBudget BudgetOf(const GovernorState& state, const GovernorLimits& limits) {
  if (!SpeculatesNext(state)) return {};
  return {.bytes_per_layer = limits.max_bytes_per_layer, .min_probability = kMinProbabilities[state.level]};
}

GovernorState Govern(const GovernorState& state, const PrefetchCounters& step) {
  GovernorState next = state;
  const double missing_bytes = static_cast<double>(step.demand_bytes + step.used_bytes);
  const bool is_usual = missing_bytes <= kFarFromUsual * state.usual_missing_bytes;
  next.usual_missing_bytes += kUsualRate * (missing_bytes - state.usual_missing_bytes);
  if (is_usual) Add(step, missing_bytes, SpeculatesNext(state) ? &next.with : &next.without);
  ++next.num_steps;
  if (next.num_steps >= next.cycle_steps) EndCycle(&next);
  return next;
}

}  // namespace foregate
