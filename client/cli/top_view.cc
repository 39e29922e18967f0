#include "client/cli/top_view.h"

#include <algorithm>
#include <numeric>

namespace foregate {
namespace {

namespace experts_pb = ::foregate::experts::v1;

constexpr size_t kMaxGroups = 8;  // as server/telemetry has

std::optional<double> Ratio(double part, double whole) {
  return whole > 0 ? std::optional<double>(part / whole) : std::nullopt;
}

// Counters only grow; those of an earlier answer that raced with the engine may be ahead by a little.
uint64_t Difference(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

TopFound FoundOf(const experts_pb::LayerExpertStats& layer) { return {layer.hits(), layer.late(), layer.misses()}; }

void Add(const TopFound& from, TopFound* to) {
  to->hits += from.hits;
  to->late += from.late;
  to->misses += from.misses;
}

TopFound Since(const TopFound& now, const TopFound& before) {
  return {Difference(now.hits, before.hits), Difference(now.late, before.late), Difference(now.misses, before.misses)};
}

size_t NumGroups(const TopSnapshot& of) {
  return std::min<size_t>(static_cast<size_t>(of.experts.layers_size()), kMaxGroups);
}

size_t GroupBegin(const TopSnapshot& of, size_t group) {
  return group * static_cast<size_t>(of.experts.layers_size()) / NumGroups(of);
}

// Everything that the snapshot has counted.
TopPeriod CountsOf(const TopSnapshot& of) {
  const auto& tier = of.experts.tier();
  TopPeriod period{.seconds = static_cast<double>(of.load.unix_ms() - of.server.start_unix_ms()) / 1000,
                   .steps = of.load.engine_steps(),
                   .step_us = of.load.step_us(),
                   .generated_tokens = of.load.generated_tokens(),
                   .computed_prompt_tokens = of.load.computed_prompt_tokens(),
                   .cached_prompt_tokens = of.load.cached_prompt_tokens(),
                   .found = {tier.hits(), tier.late(), tier.misses()},
                   .evictions = tier.evictions(),
                   .stall_us = tier.stall_us(),
                   .absent_bytes = tier.absent_bytes(),
                   .guess_used_bytes = tier.guess_used_bytes(),
                   .guess_wasted_bytes = tier.guess_wasted_bytes(),
                   .reads = {},
                   .groups = {}};
  for (const experts_pb::ExpertReadStats& reads : tier.reads()) {
    const int at = reads.read_class() - experts_pb::EXPERT_READ_CLASS_DEMAND;
    if (at < 0 || static_cast<size_t>(at) >= period.reads.size()) continue;
    period.reads[static_cast<size_t>(at)] = {reads.bytes_read(), reads.stall_us(), reads.experts_read(),
                                             reads.expert_read_us()};
  }
  for (size_t group = 0; group < NumGroups(of); ++group) {
    TopFound& found = period.groups.emplace_back();
    for (size_t i = GroupBegin(of, group); i < GroupBegin(of, group + 1); ++i)
      Add(FoundOf(of.experts.layers(static_cast<int>(i))), &found);
  }
  return period;
}

TopPeriod Since(const TopPeriod& now, const TopPeriod& before, double seconds) {
  TopPeriod period{.seconds = seconds,
                   .steps = Difference(now.steps, before.steps),
                   .step_us = Difference(now.step_us, before.step_us),
                   .generated_tokens = Difference(now.generated_tokens, before.generated_tokens),
                   .computed_prompt_tokens = Difference(now.computed_prompt_tokens, before.computed_prompt_tokens),
                   .cached_prompt_tokens = Difference(now.cached_prompt_tokens, before.cached_prompt_tokens),
                   .found = Since(now.found, before.found),
                   .evictions = Difference(now.evictions, before.evictions),
                   .stall_us = Difference(now.stall_us, before.stall_us),
                   .absent_bytes = Difference(now.absent_bytes, before.absent_bytes),
                   .guess_used_bytes = Difference(now.guess_used_bytes, before.guess_used_bytes),
                   .guess_wasted_bytes = Difference(now.guess_wasted_bytes, before.guess_wasted_bytes),
                   .reads = {},
                   .groups = {}};
  for (size_t i = 0; i < period.reads.size(); ++i)
    period.reads[i] = {Difference(now.reads[i].bytes, before.reads[i].bytes),
                       Difference(now.reads[i].stall_us, before.reads[i].stall_us),
                       Difference(now.reads[i].experts, before.reads[i].experts),
                       Difference(now.reads[i].expert_us, before.reads[i].expert_us)};
  for (size_t i = 0; i < now.groups.size(); ++i) period.groups.push_back(Since(now.groups[i], before.groups[i]));
  return period;
}

bool IsInMemory(int residency) {
  return residency == experts_pb::EXPERT_RESIDENCY_RESIDENT || residency == experts_pb::EXPERT_RESIDENCY_PINNED;
}

std::vector<TopGroup> GroupsOf(const TopSnapshot& of) {
  std::vector<TopGroup> groups;
  for (size_t group = 0; group < NumGroups(of); ++group) {
    const size_t begin = GroupBegin(of, group);
    const size_t end = GroupBegin(of, group + 1);
    const auto layer = [&](size_t i) -> const auto& { return of.experts.layers(static_cast<int>(i)); };
    TopGroup& out = groups.emplace_back();
    out.name = std::to_string(layer(begin).layer()) + "-" + std::to_string(layer(end - 1).layer());
    for (size_t i = begin; i < end; ++i) {
      out.num_experts += static_cast<size_t>(of.experts.num_experts());
      out.num_in_memory +=
          static_cast<size_t>(std::count_if(layer(i).residency().begin(), layer(i).residency().end(), IsInMemory));
    }
  }
  return groups;
}

bool IsSameServer(const TopSnapshot& before, const TopSnapshot& now) {
  return before.server.start_unix_ms() == now.server.start_unix_ms() &&
         before.experts.layers_size() == now.experts.layers_size() &&
         before.experts.num_experts() == now.experts.num_experts();
}

// Each expert's share of its layer's choices since `before`, the largest first; ties go to the first layer and expert.
std::vector<TopExpert> BusiestSince(const TopSnapshot* before, const TopSnapshot& now) {
  std::vector<TopExpert> experts;
  for (int i = 0; i < now.experts.layers_size(); ++i) {
    const auto& layer = now.experts.layers(i);
    std::vector<uint64_t> counts(layer.counts().begin(), layer.counts().end());
    for (size_t expert = 0; before != nullptr && expert < counts.size(); ++expert) {
      const auto& earlier = before->experts.layers(i).counts();
      if (expert < static_cast<size_t>(earlier.size()))
        counts[expert] = Difference(counts[expert], earlier.Get(static_cast<int>(expert)));
    }
    const uint64_t total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
    for (size_t expert = 0; expert < counts.size(); ++expert) {
      if (counts[expert] == 0) continue;
      const auto at = static_cast<int>(expert);
      experts.push_back(
          {.layer = layer.layer(),
           .expert = at,
           .share = static_cast<double>(counts[expert]) / static_cast<double>(total),
           .residency = at < layer.residency_size() ? layer.residency(at) : experts_pb::EXPERT_RESIDENCY_UNSPECIFIED});
    }
  }
  std::stable_sort(experts.begin(), experts.end(),
                   [](const TopExpert& a, const TopExpert& b) { return a.share > b.share; });
  if (experts.size() > kTopExpertsShown) experts.resize(kTopExpertsShown);
  return experts;
}

}  // namespace

std::optional<double> TopPeriod::PerSecond(uint64_t count) const { return Ratio(static_cast<double>(count), seconds); }

std::optional<double> TopPeriod::stall_share(uint64_t us) const {
  const std::optional<double> share = Ratio(static_cast<double>(us), static_cast<double>(step_us));
  // A step's time counts when it ends, its waits at once.
  return share.has_value() ? std::optional<double>(std::min(*share, 1.0)) : share;
}

std::optional<double> TopPeriod::guess_precision() const {
  return Ratio(static_cast<double>(guess_used_bytes), static_cast<double>(guess_used_bytes + guess_wasted_bytes));
}

std::optional<double> TopPeriod::guess_recall() const {
  return Ratio(static_cast<double>(guess_used_bytes), static_cast<double>(guess_used_bytes + absent_bytes));
}

std::optional<double> HitRate(const TopFound& found) {
  return Ratio(static_cast<double>(found.hits), static_cast<double>(found.acquired()));
}

std::optional<double> LateRate(const TopFound& found) {
  return Ratio(static_cast<double>(found.late), static_cast<double>(found.acquired()));
}

std::optional<double> MeanReadSeconds(const TopReads& reads) {
  return Ratio(static_cast<double>(reads.expert_us) / 1e6, static_cast<double>(reads.experts));
}

TopView MakeTopView(const TopSnapshot* before, const TopSnapshot& now) {
  if (before != nullptr && !IsSameServer(*before, now)) before = nullptr;
  TopView view;
  view.snapshot = now;
  view.since_start = CountsOf(now);
  view.groups = GroupsOf(now);
  for (const TopGroup& group : view.groups) view.num_in_memory += group.num_in_memory;
  if (before != nullptr) {
    view.now = Since(view.since_start, CountsOf(*before), now.taken_s - before->taken_s);
    view.busiest = BusiestSince(before, now);
  }
  if (view.busiest.empty()) view.busiest = BusiestSince(nullptr, now);
  return view;
}

const char* ResidencyName(experts_pb::ExpertResidency residency) {
  switch (residency) {
    case experts_pb::EXPERT_RESIDENCY_ABSENT:
      return "absent";
    case experts_pb::EXPERT_RESIDENCY_LOADING:
      return "loading";
    case experts_pb::EXPERT_RESIDENCY_RESIDENT:
      return "resident";
    case experts_pb::EXPERT_RESIDENCY_PINNED:
      return "pinned";
    default:
      return "unknown";
  }
}

}  // namespace foregate
