#include "engine/schedule/expert_turns.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace foregate {

ExpertTurns::ExpertTurns(const Options& options)
    : options_(options), wants_(options.layer_expert_bytes.size(), options.experts_per_layer) {
  FOREGATE_CHECK_GE(options.max_passed_over, 1);
  for (const double bytes : options.layer_expert_bytes)
    expert_bytes_.insert(expert_bytes_.end(), options.experts_per_layer, static_cast<float>(bytes));
}

void ExpertTurns::Begin(SequenceTurn* turn) const {
  if (turn->wants.of_expert.empty()) wants_.Begin(&turn->wants);
}

void ExpertTurns::Hold(std::span<const Member> members, double memory_bytes, std::vector<uint8_t>* held) {
  held->assign(members.size(), 0);
  if (members.size() < 2) return;
  if (steps_left_ == 0 || (turns_.num_groups > 1 && !FindTurn(members))) PlanCycle(members, memory_bytes);
  if (turns_.num_groups == 1) {
    --steps_left_;
    return;
  }
  const int32_t group = running_group();
  --steps_left_;
  int64_t lowest = members[0].priority;
  for (const Member& member : members) lowest = std::min(lowest, member.priority);
  for (size_t i = 0; i < members.size(); ++i) {
    const SequenceTurn& turn = *members[i].turn;
    const bool waits = turn.cycle == cycle_ && turn.group != AffinityTurns::kEveryTurn && turn.group != group;
    (*held)[i] = waits && members[i].priority == lowest && turn.passed_over < options_.max_passed_over;
  }
}

bool ExpertTurns::FindTurn(std::span<const Member> members) {
  while (steps_left_ > 0) {
    const int32_t group = running_group();
    if (std::any_of(members.begin(), members.end(), [&](const Member& member) { return IsOf(*member.turn, group); }))
      return true;
    steps_left_ = (turns_.num_groups - 1 - group) * turns_.steps_per_turn;
  }
  return false;
}

void ExpertTurns::PlanCycle(std::span<const Member> members, double memory_bytes) {
  ++cycle_;
  turns_.num_groups = 1;
  steps_left_ = std::max(kSettledSteps, options_.max_passed_over);
  if (members.size() > kMaxSequences) return;
  const size_t num_experts = expert_bytes_.size();
  priorities_.clear();
  chances_.resize(std::max(chances_.size(), members.size() * num_experts));
  for (size_t i = 0; i < members.size(); ++i) {
    priorities_.push_back(members[i].priority);
    wants_.Chances(members[i].turn->wants, std::span(chances_).subspan(i * num_experts, num_experts));
  }
  planner_.Plan(priorities_, chances_,
                {.expert_bytes = expert_bytes_,
                 .memory_bytes = memory_bytes,
                 .dense_bytes = options_.dense_bytes,
                 .compute_cost = cost_.compute_cost(),
                 .max_passed_over = options_.max_passed_over},
                &turns_);
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].turn->cycle = cycle_;
    members[i].turn->group = turns_.groups[i];
  }
  if (turns_.num_groups > 1) steps_left_ = turns_.num_groups * turns_.steps_per_turn;
}

void ExpertTurns::EndStep(bool is_typical, double seconds, double stalled_seconds, double bytes_read) {
  if (is_typical && computed_bytes_ > 0)
    cost_.Observe(seconds, stalled_seconds, bytes_read, options_.dense_bytes + computed_bytes_);
  computed_bytes_ = 0;
}

}  // namespace foregate
