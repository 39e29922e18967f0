// ExpertTurns: takes the turns that AffinityPlanner plans, step by step, and keeps the rules while sequences come and
// go.
//
// A cycle is planned, each group has its turn, then the next cycle is planned from what sequences want by then. A
// sequence that begins during a cycle runs in every turn until then; a group whose sequences have all ended gives its
// turn to the next. Where no turns pay, everybody runs, and after kSettledSteps it is asked again.
//
// Rules that hold whatever was planned: nobody is passed over more than `max_passed_over` steps in a row; nobody sits
// out while a sequence of lower priority runs; somebody always runs. More than kMaxSequences at a time take no turns:
// together they want nearly everything.
//
// Thread-compatible. Allocates when a sequence begins and, with the first plan, what planning needs: at most 4 bytes
// per expert and sequence of kMaxSequences.
#ifndef FOREGATE_ENGINE_SCHEDULE_EXPERT_TURNS_H_
#define FOREGATE_ENGINE_SCHEDULE_EXPERT_TURNS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/schedule/expert_affinity.h"
#include "engine/schedule/sequence_wants.h"
#include "engine/schedule/stall_cost.h"

namespace foregate {

// One sequence's part in it; lives and is copied with the sequence.
struct SequenceTurn {
  SequenceShares wants;
  int32_t passed_over = 0;  // steps in a row that it sat out
  uint64_t cycle = 0;       // in which `group` was planned
  int32_t group = AffinityTurns::kEveryTurn;
};

class ExpertTurns {
 public:
  static constexpr size_t kMaxSequences = 64;
  static constexpr int32_t kSettledSteps = 8;

  struct Options {
    std::vector<double> layer_expert_bytes;  // [MoE layers] of one expert
    size_t experts_per_layer = 0;
    double dense_bytes = 0;       // of the weights that every step computes with, beside experts
    int32_t max_passed_over = 0;  // at least 1
  };
  explicit ExpertTurns(const Options& options);

  // Before the sequence's first row is observed; again for one that has begun: nothing.
  void Begin(SequenceTurn* turn) const;

  struct Member {
    SequenceTurn* turn = nullptr;
    int64_t priority = 0;
  };
  // Who sits out the next step, of all that could decode in it. `memory_bytes`: that hold experts now.
  // held: [members].
  void Hold(std::span<const Member> members, double memory_bytes, std::vector<uint8_t>* held);
  // What became of a sequence that Hold was asked about, or that ran.
  static void Ran(SequenceTurn* turn) { turn->passed_over = 0; }
  static void SatOut(SequenceTurn* turn) { ++turn->passed_over; }

  // A row's choice in one MoE layer; layers by index among those that route.
  void Observe(size_t layer_index, std::span<const int32_t> chosen, SequenceTurn* turn) {
    wants_.Observe(layer_index, chosen, &turn->wants);
  }
  // Of the running step: a layer computed with so many of its experts.
  void AddExperts(size_t layer_index, size_t num_distinct) {
    computed_bytes_ += static_cast<double>(num_distinct) * options_.layer_expert_bytes[layer_index];
  }
  // The step ended. One that is not typical, with other rows than decode rows or with rows that were lost, is
  // forgotten.
  void EndStep(bool is_typical, double seconds, double stalled_seconds, double bytes_read);

  // Of the cycle that runs; 1: no turns.
  int32_t num_groups() const { return turns_.num_groups; }
  float slope() const { return wants_.slope(); }

 private:
  void PlanCycle(std::span<const Member> members, double memory_bytes);
  bool IsOf(const SequenceTurn& turn, int32_t group) const { return turn.cycle == cycle_ && turn.group == group; }
  // Ends turns of groups that have nobody left; false when none has anybody.
  bool FindTurn(std::span<const Member> members);
  int32_t running_group() const { return turns_.num_groups - 1 - (steps_left_ - 1) / turns_.steps_per_turn; }

  const Options options_;
  std::vector<float> expert_bytes_;  // [layers, experts]
  SequenceWants wants_;
  StallCost cost_;
  AffinityPlanner planner_;
  AffinityTurns turns_;
  uint64_t cycle_ = 0;
  int32_t steps_left_ = 0;  // of the cycle
  double computed_bytes_ = 0;
  std::vector<int64_t> priorities_;
  std::vector<float> chances_;  // [sequences, experts]
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_EXPERT_TURNS_H_
