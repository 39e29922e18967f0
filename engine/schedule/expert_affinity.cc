#include "engine/schedule/expert_affinity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace foregate {

void AffinityPlanner::Plan(std::span<const int64_t> priorities, std::span<const float> chances,
                           const AffinityCosts& costs, AffinityTurns* turns) {
  turns->num_groups = 1;
  turns->steps_per_turn = 0;
  turns->cost_ratio = 1;
  turns->groups.assign(priorities.size(), AffinityTurns::kEveryTurn);
  if (priorities.empty() || costs.max_passed_over < 1 || !std::isfinite(costs.compute_cost)) return;
  const int64_t lowest = *std::min_element(priorities.begin(), priorities.end());
  members_.clear();
  always_.clear();
  for (size_t s = 0; s < priorities.size(); ++s) (priorities[s] == lowest ? members_ : always_).push_back(s);
  if (members_.size() < 2) return;

  Distances(chances, costs.expert_bytes.size());
  sizes_.assign(members_.size(), 1);
  group_of_.resize(members_.size());
  std::iota(group_of_.begin(), group_of_.end(), size_t{0});
  const size_t most = std::min({kMaxGroups, members_.size(), static_cast<size_t>(costs.max_passed_over) + 1});
  double best = std::numeric_limits<double>::infinity();
  for (size_t num_groups = most; num_groups > 1; --num_groups) {
    Cluster(num_groups);
    const int32_t steps = costs.max_passed_over / static_cast<int32_t>(num_groups - 1);
    const double cost = TokenBytes(chances, costs, num_groups, steps);
    if (cost >= best) continue;
    best = cost;
    turns->num_groups = static_cast<int32_t>(num_groups);
    turns->steps_per_turn = steps;
    for (size_t m = 0; m < members_.size(); ++m) turns->groups[members_[m]] = GroupNumber(m);
  }
  Cluster(1);
  const double together = TokenBytes(chances, costs, 1, 1);
  if (together > 0) turns->cost_ratio = best / together;
  if (turns->cost_ratio < 1 - kLeastGain) return;
  turns->num_groups = 1;
  turns->steps_per_turn = 0;
  turns->groups.assign(priorities.size(), AffinityTurns::kEveryTurn);
}

// Clusters in the order of their first members.
int32_t AffinityPlanner::GroupNumber(size_t member) const {
  return static_cast<int32_t>(std::count_if(sizes_.begin(), sizes_.begin() + static_cast<ptrdiff_t>(group_of_[member]),
                                            [](size_t size) { return size > 0; }));
}

void AffinityPlanner::Distances(std::span<const float> chances, size_t num_experts) {
  const size_t count = members_.size();
  distances_.assign(count * count, 0);
  for (size_t a = 0; a < count; ++a) {
    const std::span<const float> left = chances.subspan(members_[a] * num_experts, num_experts);
    for (size_t b = a + 1; b < count; ++b) {
      const std::span<const float> right = chances.subspan(members_[b] * num_experts, num_experts);
      // Eight sums side by side: the compiler may not reorder one.
      float sums[8] = {};
      size_t e = 0;
      for (; e + 8 <= num_experts; e += 8)
        for (size_t lane = 0; lane < 8; ++lane)
          sums[lane] += (left[e + lane] - right[e + lane]) * (left[e + lane] - right[e + lane]);
      for (; e < num_experts; ++e) sums[0] += (left[e] - right[e]) * (left[e] - right[e]);
      const float distance = std::accumulate(std::begin(sums), std::end(sums), 0.0f);
      distances_[a * count + b] = distances_[b * count + a] = static_cast<double>(distance);
    }
  }
}

// Merges the two clusters whose union is least spread out, until so many are left (Ward, by Lance and Williams).
void AffinityPlanner::Cluster(size_t num_groups) {
  const size_t count = members_.size();
  size_t left = static_cast<size_t>(std::count_if(sizes_.begin(), sizes_.end(), [](size_t size) { return size > 0; }));
  for (; left > num_groups; --left) {
    size_t first = 0, second = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t a = 0; a < count; ++a) {
      if (sizes_[a] == 0) continue;
      for (size_t b = a + 1; b < count; ++b) {
        if (sizes_[b] == 0 || distances_[a * count + b] >= least) continue;
        least = distances_[a * count + b];
        first = a;
        second = b;
      }
    }
    const double size_a = static_cast<double>(sizes_[first]);
    const double size_b = static_cast<double>(sizes_[second]);
    for (size_t c = 0; c < count; ++c) {
      if (sizes_[c] == 0 || c == first || c == second) continue;
      const double size_c = static_cast<double>(sizes_[c]);
      const double merged = ((size_a + size_c) * distances_[first * count + c] +
                             (size_b + size_c) * distances_[second * count + c] - size_c * least) /
                            (size_a + size_b + size_c);
      distances_[first * count + c] = distances_[c * count + first] = merged;
    }
    sizes_[first] += sizes_[second];
    sizes_[second] = 0;
    for (size_t& group : group_of_)
      if (group == second) group = first;
  }
}

void AffinityPlanner::WantedBy(std::span<const float> chances, size_t num_experts, size_t group) {
  wanted_.assign(num_experts, 1.0f);
  const auto add = [&](size_t sequence) {
    const std::span<const float> of = chances.subspan(sequence * num_experts, num_experts);
    for (size_t e = 0; e < num_experts; ++e) wanted_[e] *= 1 - of[e];
  };
  for (size_t m = 0; m < members_.size(); ++m)
    if (group_of_[m] == group) add(members_[m]);
  for (const size_t sequence : always_) add(sequence);
  for (float& wanted : wanted_) wanted = 1 - wanted;
}

void AffinityPlanner::Keep(const AffinityCosts& costs, std::vector<uint8_t>* kept) {
  const size_t num_experts = costs.expert_bytes.size();
  by_chance_.resize(num_experts);
  std::iota(by_chance_.begin(), by_chance_.end(), uint32_t{0});
  std::sort(by_chance_.begin(), by_chance_.end(),
            [&](uint32_t a, uint32_t b) { return wanted_[a] != wanted_[b] ? wanted_[a] > wanted_[b] : a < b; });
  kept->assign(num_experts, 0);
  double room = costs.memory_bytes;
  for (const uint32_t expert : by_chance_) {
    room -= static_cast<double>(costs.expert_bytes[expert]);
    if (room < 0) return;
    (*kept)[expert] = 1;
  }
}

double AffinityPlanner::TokenBytes(std::span<const float> chances, const AffinityCosts& costs, size_t num_groups,
                                   int32_t steps) {
  const size_t num_experts = costs.expert_bytes.size();
  const double turn = steps;
  // What the last group leaves is what the first one finds.
  size_t last = members_.size() - 1;
  while (sizes_[last] == 0) --last;
  WantedBy(chances, num_experts, last);
  Keep(costs, &kept_before_);
  double bytes = 0;
  for (size_t m = 0; m < members_.size(); ++m) {
    if (sizes_[m] == 0) continue;
    WantedBy(chances, num_experts, m);
    Keep(costs, &kept_);
    bytes += costs.compute_cost * costs.dense_bytes * turn;
    for (size_t e = 0; e < num_experts; ++e) {
      const auto wanted = static_cast<double>(wanted_[e]);
      double times = costs.compute_cost * wanted * turn;
      if (!kept_[e]) times += wanted * turn;
      if (kept_[e] && !kept_before_[e]) times += 1 - std::pow(1 - wanted, turn);
      bytes += static_cast<double>(costs.expert_bytes[e]) * times;
    }
    kept_.swap(kept_before_);
  }
  const size_t rows = members_.size() + always_.size() * num_groups;  // of all turns, one step of each
  return bytes / (static_cast<double>(rows) * turn);
}

}  // namespace foregate
