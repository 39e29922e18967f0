// Scheduler: decides what the next step computes, as a pure function of a snapshot (house rule 1). No clock, no device,
// no state: the same snapshot gives the same plan.
//
// Rules
// * Order. Sequences are ordered by ScheduleOrder: the virtual arrival time, which is the arrival minus
//   priority * aging time. The order of two sequences never changes while they live, and every newcomer's virtual
//   arrival eventually lies behind: nobody starves.
// * Budget. At most max_batch_tokens rows: first one row for each running sequence that decodes, then prefill chunks of
//   running sequences, then admissions; each in order.
// * Pace. Beside decode rows at most max_prefill_rows rows of prefill; while several sequences want some, no one takes
//   more than half, so that a long prompt does not hold up a short one behind it. A step in which nobody decodes, be it
//   for want of blocks, is not paced.
// * Turns. A decoding sequence that is held sits out (expert_turns.h says who); it keeps its blocks and its place in
//   the order. When nobody else decodes, those that are held do.
// * Head of line. Waiting sequences are admitted strictly in order. When the first does not fit (slots or blocks),
//   nobody behind it overtakes, whatever its size.
// * Admission takes the blocks of all tokens known at that time, so a prefill never runs out of blocks half way, and
//   leaves one block per running sequence in reserve, so that admission is not followed by preemption at once.
// * Preemption. A decoding sequence that needs a block when none is available preempts the last sequences in the order,
//   but only those behind itself; without any, it stalls and keeps its blocks. The first in the order can take the
//   blocks of all others, and one sequence always fits the pool: somebody always advances. Preempted sequences wait,
//   keep their tokens, and are computed again. A step that preempts admits nobody.
#ifndef FOREGATE_ENGINE_SCHEDULE_SCHEDULER_H_
#define FOREGATE_ENGINE_SCHEDULE_SCHEDULER_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <vector>

namespace foregate {

// Smaller is served first.
struct ScheduleOrder {
  int64_t negated_priority = 0;  // used when priorities do not age
  int64_t virtual_arrival_us = 0;
  uint64_t ticket = 0;  // order of submission: ties are first come, first served
  int32_t sample = 0;
  auto operator<=>(const ScheduleOrder&) const = default;
};

// `aging_us` <= 0: priorities are strict and never age.
ScheduleOrder MakeScheduleOrder(int32_t priority, int64_t arrival_us, int64_t aging_us, uint64_t ticket,
                                int32_t sample);

struct SchedulerLimits {
  int32_t max_batch_tokens = 0;
  int32_t max_running = 0;  // sequences
  int32_t prefill_chunk_tokens = 0;
  int32_t block_size = 0;
  // Rows of prefill beside decode rows, of all sequences together (prefill_pace.h); 0: none in this step.
  int32_t max_prefill_rows = std::numeric_limits<int32_t>::max();
};

struct SequenceSnapshot {
  ScheduleOrder order;
  bool running = false;
  int32_t num_slots = 1;           // places of max_running it takes: its samples, when they have not forked yet
  int32_t num_tokens = 0;          // known tokens; computing the last one gives the next
  int32_t num_computed = 0;        // running: tokens whose KV exists. Waiting: tokens that the prefix cache would give
  int32_t num_blocks = 0;          // running: blocks held
  int32_t num_exclusive = 0;       // running: of these, blocks that nobody else holds
  bool last_block_shared = false;  // running: writing into the last block needs a copy of it
  bool is_held = false;            // running: sits out this step, if it would decode
  int32_t num_cached_blocks = 0;   // waiting: hit blocks that count as available now and will not when taken
};

struct SchedulerSnapshot {
  SchedulerLimits limits;
  int32_t num_available_blocks = 0;
  // All running sequences and at least the first waiting ones, in any order.
  std::vector<SequenceSnapshot> sequences;
};

struct ScheduledWork {
  int32_t index = 0;  // in SchedulerSnapshot::sequences
  int32_t num_tokens = 0;
  bool admitted = false;  // was waiting
  bool operator==(const ScheduledWork&) const = default;
};

struct StepPlan {
  std::vector<int32_t> preempted;   // indices of running sequences that go back to waiting
  std::vector<ScheduledWork> work;  // decode rows, then prefill chunks, then admissions
  bool operator==(const StepPlan&) const = default;
};

// Indices into SchedulerSnapshot::sequences in their order of service. Means nothing between two plans: kept by the
// caller for its storage.
struct ServiceOrder {
  std::vector<int32_t> running;
  std::vector<int32_t> waiting;
};

// `plan` and `order` are overwritten; their storage is reused, so that a step allocates nothing.
void PlanStep(const SchedulerSnapshot& snapshot, ServiceOrder* order, StepPlan* plan);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_SCHEDULER_H_
