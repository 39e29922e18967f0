// Expert affinity: whether sequences that decode side by side should take turns in groups, each a few steps at a time,
// because the experts of one group fit into memory and those of all do not. Pure; it changes when a token is computed,
// never which.
//
// A step reads every expert that its rows want and memory lacks, once however many want it. All together that is least
// for a single step; but then each topic drives out the experts of the others. In turns of T steps, a group finds its
// experts gone once and has them for the rest of its turn. With p_s(e) the chance that the next token of sequence s
// wants expert e, q = 1 - product over the group of (1 - p_s(e)), and K the experts of greatest q that memory holds,
// a group's turn costs
//
//   T * compute_cost * (dense_bytes + sum over all e of bytes(e) * q(e)) +
//   T * sum over e not in K of bytes(e) * q(e) +
//   sum over e in K, but not in that of the group before, of bytes(e) * (1 - (1 - q(e))^T)
//
// and the whole cycle is compared with steps of all together, per token. Groups are found by how alike their
// chances are (Ward's clustering), 2 to kMaxGroups of them, T = max_passed_over / (groups - 1).
//
// Rules
// * Nobody is passed over more than `max_passed_over` steps in a row, and all groups get as many steps.
// * Only sequences of the lowest priority are grouped, so nobody sits out while one of lower priority runs.
// * It must pay: turns are taken for a cost per token that is less by kLeastGain, since chances are estimates.
// * Where everybody's chances are the same, a group reads nearly what all read, for fewer tokens: no turns.
#ifndef FOREGATE_ENGINE_SCHEDULE_EXPERT_AFFINITY_H_
#define FOREGATE_ENGINE_SCHEDULE_EXPERT_AFFINITY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foregate {

struct AffinityCosts {
  std::span<const float> expert_bytes;  // of every expert
  double memory_bytes = 0;              // that hold experts
  double dense_bytes = 0;               // of the weights that every step computes with, beside experts
  double compute_cost = 0;      // of a byte of weights that is computed with, as bytes that could be read meanwhile;
                                // infinite: nothing is ever waited for
  int32_t max_passed_over = 0;  // steps in a row; 0: no turns, ever
};

// Who sits out when: sequence s runs in the turns of its group, or always when its group is kEveryTurn.
struct AffinityTurns {
  static constexpr int32_t kEveryTurn = -1;
  int32_t num_groups = 1;  // 1: everybody runs in every step
  int32_t steps_per_turn = 0;
  double cost_ratio = 1;        // per token, against all together
  std::vector<int32_t> groups;  // by sequence
};

// Keeps storage and nothing else. Thread-compatible.
class AffinityPlanner {
 public:
  static constexpr double kLeastGain = 0.1;
  static constexpr size_t kMaxGroups = 4;

  // `priorities`: by sequence, larger is served first. `chances`: [sequences, experts] that the sequence's next token
  // wants the expert, in [0, 1]. O(sequences^2 x experts + sequences^3 + experts log experts).
  void Plan(std::span<const int64_t> priorities, std::span<const float> chances, const AffinityCosts& costs,
            AffinityTurns* turns);

 private:
  void Distances(std::span<const float> chances, size_t num_experts);
  void Cluster(size_t num_groups);
  int32_t GroupNumber(size_t member) const;
  // What a token costs when each of the clusters has turns of so many steps.
  double TokenBytes(std::span<const float> chances, const AffinityCosts& costs, size_t num_groups, int32_t steps);
  void WantedBy(std::span<const float> chances, size_t num_experts, size_t group);
  void Keep(const AffinityCosts& costs, std::vector<uint8_t>* kept);

  std::vector<size_t> members_;    // sequences that may be grouped
  std::vector<size_t> always_;     // and those that run in every step
  std::vector<double> distances_;  // [members, members] between clusters, Ward's; of a cluster the first member's row
  std::vector<size_t> sizes_;      // [members] of clusters, at their first members; else 0
  std::vector<size_t> group_of_;   // [members] the first member of its cluster
  std::vector<float> wanted_;      // [experts] q of a group
  std::vector<uint32_t> by_chance_;
  std::vector<uint8_t> kept_, kept_before_;  // [experts] in K
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_EXPERT_AFFINITY_H_
