#include "engine/moe/replay/replay.h"

#include <algorithm>
#include <optional>
#include <string>

#include "engine/moe/expert_usage.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

class ReplayedCache {
 public:
  ReplayedCache(const ReplayTrace& trace, const ReplayOptions& options)
      : trace_(trace),
        options_(options),
        usage_(static_cast<int32_t>(trace.header().layers.size()), trace.header().num_experts),
        experts_(trace.num_experts()) {
    result_.groups.resize(std::min(kMaxReplayGroups, trace.header().layers.size()));
  }

  ReplayResult Run() {
    for (number_ = 0; number_ < trace_.num_visits(); ++number_) RunVisit(trace_.visit(number_));
    return std::move(result_);
  }

 private:
  struct Expert {
    bool is_resident = false;
    bool was_read = false;
    size_t visit = SIZE_MAX;  // the last that wanted it
    uint64_t last_use = 0;
    uint32_t next_use = ReplayTrace::kNoVisit;
  };
  struct Resident {
    int32_t layer_index = 0;
    int32_t expert = 0;
  };

  Expert& expert(const Resident& resident) {
    return experts_[trace_.expert_index(resident.layer_index, resident.expert)];
  }

  void RunVisit(const ReplayTrace::Visit& visit) {
    usage_.Visit(visit.layer_index, visit.num_rows, visit.choices);
    const uint64_t bytes = trace_.expert_bytes(visit.layer_index);
    missing_.clear();
    ReplayCounts counts;
    for (size_t i = 0; i < visit.choices.size(); ++i) {
      if (i > 0 && visit.choices[i] == visit.choices[i - 1]) continue;
      const Resident wanted{visit.layer_index, visit.choices[i]};
      Expert& state = expert(wanted);
      state.visit = number_;
      state.next_use = visit.next_use[i];
      counts.bytes_wanted += bytes;
      ++counts.num_wanted;
      if (state.is_resident) {
        state.last_use = ++num_uses_;
        ++counts.num_hits;
      } else {
        missing_.push_back(wanted);
      }
    }
    counts.bytes_read = missing_.size() * bytes;
    result_.total.Add(counts);
    const size_t group = static_cast<size_t>(visit.layer_index) * result_.groups.size() / trace_.header().layers.size();
    result_.groups[group].Add(counts);
    AddTime(counts, bytes);

    has_candidates_ = false;
    for (const Resident& wanted : missing_) Load(wanted, bytes);
  }

  void Load(const Resident& wanted, uint64_t bytes) {
    while (used_bytes_ + bytes > options_.memory_bytes) EvictOne(wanted.layer_index);
    Expert& state = expert(wanted);
    state.is_resident = true;
    state.last_use = ++num_uses_;
    if (!state.was_read) ++result_.num_first_reads;
    state.was_read = true;
    residents_.push_back(wanted);
    used_bytes_ += bytes;
  }

  // The candidates of one visit are gathered once: while it lasts, what is resident and not wanted only shrinks.
  void EvictOne(int32_t layer_index) {
    if (!has_candidates_) GatherCandidates(false);
    if (candidates_.empty()) GatherCandidates(true);
    has_candidates_ = true;
    const std::optional<size_t> victim = options_.policy(
        candidates_, {.layer_index = layer_index,
                      .num_layers = static_cast<int32_t>(trace_.header().layers.size()),
                      .request_bytes = static_cast<uint64_t>(options_.request_seconds * options_.bytes_per_second)});
    FOREGATE_CHECK(victim.has_value());
    const EvictionCandidate evicted = candidates_[*victim];
    candidates_[*victim] = candidates_.back();
    candidates_.pop_back();
    expert({evicted.layer_index, evicted.key.expert}).is_resident = false;
    used_bytes_ -= evicted.bytes;
    ++result_.num_evictions;
    std::erase_if(residents_, [&](const Resident& resident) {
      return resident.layer_index == evicted.layer_index && resident.expert == evicted.key.expert;
    });
  }

  void GatherCandidates(bool of_this_visit) {
    candidates_.clear();
    for (const Resident& resident : residents_) {
      const Expert& state = expert(resident);
      if ((state.visit == number_) != of_this_visit) continue;
      candidates_.push_back(
          {.key = {trace_.header().layers[static_cast<size_t>(resident.layer_index)].layer, resident.expert},
           .layer_index = resident.layer_index,
           .bytes = trace_.expert_bytes(resident.layer_index),
           .last_use = state.last_use,
           .share = usage_.share(resident.layer_index, resident.expert),
           .probability = usage_.probability(resident.layer_index, resident.expert),
           .next_use = state.next_use == ReplayTrace::kNoVisit ? EvictionCandidate::kNever : state.next_use});
    }
  }

  void AddTime(const ReplayCounts& counts, uint64_t bytes) {
    const double read = options_.bytes_per_second > 0
                            ? options_.request_seconds + static_cast<double>(bytes) / options_.bytes_per_second
                            : 0;
    const double compute = options_.expert_seconds * static_cast<double>(counts.num_wanted);
    double now = options_.expert_seconds * static_cast<double>(counts.num_hits);
    const uint64_t num_misses = counts.num_wanted - counts.num_hits;
    for (uint64_t i = 1; i <= num_misses; ++i)
      now = std::max(now, read * static_cast<double>(i)) + options_.expert_seconds;
    result_.compute_seconds += compute;
    result_.stall_seconds += now - compute;
    result_.blocking_stall_seconds += read * static_cast<double>(num_misses);
  }

  const ReplayTrace& trace_;
  const ReplayOptions& options_;
  ExpertUsage usage_;
  std::vector<Expert> experts_;
  std::vector<Resident> residents_;
  std::vector<Resident> missing_;
  std::vector<EvictionCandidate> candidates_;
  bool has_candidates_ = false;
  uint64_t used_bytes_ = 0;
  uint64_t num_uses_ = 0;
  size_t number_ = 0;
  ReplayResult result_;
};

}  // namespace

double ReplayCounts::hit_rate() const {
  return bytes_wanted == 0 ? 0 : 1 - static_cast<double>(bytes_read) / static_cast<double>(bytes_wanted);
}

void ReplayCounts::Add(const ReplayCounts& other) {
  num_wanted += other.num_wanted;
  num_hits += other.num_hits;
  bytes_wanted += other.bytes_wanted;
  bytes_read += other.bytes_read;
}

absl::StatusOr<ReplayResult> Replay(const ReplayTrace& trace, const ReplayOptions& options) {
  uint64_t largest = 0;
  for (const TraceHeader::Layer& layer : trace.header().layers) largest = std::max(largest, layer.expert_bytes);
  if (options.memory_bytes < 2 * largest)
    return absl::InvalidArgumentError("replay: " + std::to_string(options.memory_bytes) +
                                      " bytes do not hold two experts of " + std::to_string(largest));
  return ReplayedCache(trace, options).Run();
}

}  // namespace foregate
