// The prefetch governor: how much may be read on a guess, and whether at all. A pure function: counters of a step and
// the state before it in, the state after it out. No clock, no randomness, no device; the state is plain data.
//
// Guesses do not pay everywhere: a wrong one takes time of the disk that a demand may wait for, and the place of an
// expert that may be wanted again. So a share of the steps runs without (the control arm), and the two kinds of
// steps are compared by the stall that a byte costs which the layer wanted and which was absent:
//
//   saved = (stall per missing byte without - with) x missing bytes - what experts that guesses evicted cost again
//           - (time per step that is no stall with - without) x steps
//
// Missing bytes, not bytes wanted, since how much is missing differs from step to step and is no merit of guessing. The
// time that is no stall, since reading takes cores and memory from what is computed meanwhile: on two cores and a disk
// of 3.8 GB/s guesses cost 3 % of a step that the stalls did not show. The difference counts when it is beyond its own
// standard error.
//
// It begins with guesses that are nearly certain. While they pay, less probable ones are tried, and given up again
// when they save less; when they do not pay, they become stricter, and at last none are read. Nor are any made where
// none is probable enough for a level that does no harm: looking ahead takes 2 % of a step of a small model by itself.
// While speculation pays, 2 steps in 8 to 64 are controls; while it is off, 2 in 16 to 256 try it again.
// Committed reads are not governed: what a pre-gate selects is used.
#ifndef FOREGATE_ENGINE_MOE_PREFETCH_GOVERNOR_H_
#define FOREGATE_ENGINE_MOE_PREFETCH_GOVERNOR_H_

#include <cstdint>

#include "engine/moe/expert_guess.h"

namespace foregate {

// What one step did (all layers once), as the prefetcher counted it.
struct PrefetchCounters {
  double seconds = 0;         // of the step
  double stall_seconds = 0;   // of them, waiting for an expert with nothing to compute
  uint64_t demand_bytes = 0;  // read because a layer waited for them, whatever class they began in
  uint64_t used_bytes = 0;    // speculative ones that their layer then wanted
  uint64_t wasted_bytes = 0;  // speculative ones that it did not
  // Of experts that a speculative read evicted and that a layer wanted while demand alone would still have held them.
  uint64_t regretted_bytes = 0;
};

struct GovernorLimits {
  uint64_t max_bytes_per_layer = 0;  // the room for guesses, or what the disk reads in the time of a layer
};

struct GovernorState {
  // Sums over the steps of one kind; older cycles weigh less.
  struct Arm {
    double num_steps = 0;
    double seconds = 0;
    double stall_seconds = 0;
    double missing_bytes = 0;
    double stall_squares = 0;  // of stall / missing bytes, weighed by missing bytes
    double busy_squares = 0;   // of seconds - stall_seconds
    double guessed_bytes = 0;
    double regretted_bytes = 0;
  };
  bool is_on = true;         // speculation is the rule, and steps without it the control
  uint32_t level = 0;        // how improbable a guess may be: 0 the strictest
  uint32_t hold_cycles = 1;  // at this level, before a less strict one is tried
  uint32_t next_hold = 2;    // once a less strict level was given up; it grows with each
  uint32_t num_steps = 0;    // of the cycle so far
  uint32_t cycle_steps = 8;  // then the arms are compared
  Arm with;
  Arm without;
  double usual_missing_bytes = 0;   // steps far above it are not compared: a prompt is no decode step
  double saved_share = 0;           // of a step's time, at the last comparison
  double stricter_saved_share = 0;  // what the level before this one saved for certain; 0 when that is not known
};

// Whether the step that comes next speculates.
bool SpeculatesNext(const GovernorState& state);
// And with what.
SpeculationBudget BudgetOf(const GovernorState& state, const GovernorLimits& limits);

// After a step that ran with BudgetOf(state).
GovernorState Govern(const GovernorState& state, const PrefetchCounters& step);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_PREFETCH_GOVERNOR_H_
