#include "engine/moe/replay/replay.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/moe/replay/replay_memory.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// A guess may take this part of the memory at most, and what is announced for one layer that part.
constexpr uint64_t kGuessedPart = 8;
constexpr uint64_t kAnnouncedPart = 2;

class ReplayRun {
 public:
  ReplayRun(const ReplayTrace& trace, const ReplayOptions& options, ReplayPrefetch prefetch)
      : trace_(trace),
        options_(options),
        prefetch_(std::move(prefetch)),
        memory_(trace, {.policy = options.policy,
                        .memory_bytes = options.memory_bytes,
                        .request_bytes = static_cast<uint64_t>(options.request_seconds * options.bytes_per_second)}),
        disk_({.bytes_per_second = options.bytes_per_second,
               .request_seconds = options.request_seconds,
               .request_bytes = options.request_bytes,
               .in_flight_bytes = options.in_flight_bytes,
               .guessed_in_flight_bytes = options.guessed_in_flight_bytes},
              memory_),
        limits_{.max_bytes_per_layer = options.memory_bytes / kGuessedPart} {
    result_.groups.resize(std::min(kMaxReplayGroups, trace.header().layers.size()));
  }

  ReplayResult Run() {
    for (size_t number = 0; number < trace_.num_visits(); ++number) {
      const ReplayTrace::Visit visit = trace_.visit(number);
      if (number == 0 || visit.step != trace_.visit(number - 1).step) BeginStep(visit);
      RunVisit(number, visit);
    }
    EndStep();
    result_.num_first_reads = memory_.num_first_reads();
    result_.num_evictions = memory_.num_evictions();
    result_.regretted_bytes = memory_.regretted_bytes();
    result_.class_bytes = disk_.bytes();
    return std::move(result_);
  }

 private:
  struct Announced {
    size_t expert = 0;
    size_t target = 0;
    ReadClass read_class = ReadClass::kSpeculative;
  };

  void BeginStep(const ReplayTrace::Visit& visit) {
    EndStep();
    result_.steps.push_back({.num_rows = visit.num_rows});
    before_ = Totals();
    read_before_ = BytesRead();
    budget_ = options_.is_governed ? BudgetOf(governor_, limits_)
                                   : SpeculationBudget{limits_.max_bytes_per_layer, options_.min_probability};
    if (!budget_.allows_any()) ++result_.num_control_steps;
  }

  // Everything that the governor counts, since the beginning.
  PrefetchCounters Totals() const {
    return {.seconds = now_,
            .stall_seconds = result_.stall_seconds,
            .demand_bytes = disk_.bytes()[static_cast<size_t>(ReadClass::kDemand)],
            .used_bytes = result_.used_bytes,
            .wasted_bytes = result_.wasted_bytes,
            .regretted_bytes = memory_.regretted_bytes()};
  }

  uint64_t BytesRead() const {
    uint64_t sum = 0;
    for (const uint64_t bytes : disk_.bytes()) sum += bytes;
    return sum;
  }

  void EndStep() {
    if (result_.steps.empty()) return;
    const PrefetchCounters totals = Totals();
    result_.steps.back().seconds = totals.seconds - before_.seconds;
    result_.steps.back().bytes_read = BytesRead() - read_before_;
    if (!options_.is_governed) return;
    governor_ = Govern(governor_, {.seconds = totals.seconds - before_.seconds,
                                   .stall_seconds = totals.stall_seconds - before_.stall_seconds,
                                   .demand_bytes = totals.demand_bytes - before_.demand_bytes,
                                   .used_bytes = totals.used_bytes - before_.used_bytes,
                                   .wasted_bytes = totals.wasted_bytes - before_.wasted_bytes,
                                   .regretted_bytes = totals.regretted_bytes - before_.regretted_bytes});
  }

  void RunVisit(size_t number, const ReplayTrace::Visit& visit) {
    ++result_.steps.back().num_layers;
    Spend(options_.layer_seconds);
    memory_.BeginVisit(number);
    prefetch_.Observe(number);
    Settle(number, visit);
    Demand(visit);
    AnnounceAhead(number);
    Compute();
  }

  void Spend(double seconds) {
    now_ += seconds;
    result_.compute_seconds += seconds;
    result_.steps.back().compute_seconds += seconds;
    disk_.AdvanceTo(now_);
  }

  // What was announced for this visit proves right or wrong.
  void Settle(size_t number, const ReplayTrace::Visit& visit) {
    const uint64_t bytes = trace_.expert_bytes(visit.layer_index);
    std::erase_if(announced_, [&](const Announced& announced) {
      if (announced.target != number) return false;
      const bool is_wanted = memory_.is_wanted(announced.expert);
      const uint64_t begun = memory_.is_resident(announced.expert) ? bytes : disk_.begun_bytes(announced.expert);
      if (is_wanted && !memory_.is_resident(announced.expert)) ++result_.num_late;
      if (announced.read_class == ReadClass::kSpeculative)
        (is_wanted ? result_.used_bytes : result_.wasted_bytes) += begun;
      if (!is_wanted) disk_.Cancel(announced.expert);
      return true;
    });
  }

  void Demand(const ReplayTrace::Visit& visit) {
    const uint64_t bytes = trace_.expert_bytes(visit.layer_index);
    ReplayCounts counts;
    ready_.clear();
    num_missing_ = 0;
    memory_.TakeArrivals();
    for (size_t i = 0; i < visit.choices.size(); ++i) {
      if (i > 0 && visit.choices[i] == visit.choices[i - 1]) continue;
      const size_t expert = trace_.expert_index(visit.layer_index, visit.choices[i]);
      ++counts.num_wanted;
      if (memory_.is_resident(expert)) {
        ++counts.num_hits;
        ready_.push_back(expert);
        continue;
      }
      ++num_missing_;
      if (!disk_.Raise(expert, ReadClass::kDemand)) disk_.Enqueue(expert, ReadClass::kDemand, bytes);
    }
    counts.bytes_wanted = counts.num_wanted * bytes;
    counts.bytes_read = num_missing_ * bytes;
    result_.total.Add(counts);
    result_.steps.back().bytes_wanted += counts.bytes_wanted;
    result_.steps.back().bytes_missing += counts.bytes_read;
    const size_t group = static_cast<size_t>(visit.layer_index) * result_.groups.size() / trace_.header().layers.size();
    result_.groups[group].Add(counts);
    if (options_.bytes_per_second == 0) return;
    const double read_seconds = options_.request_seconds * static_cast<double>(NumRequests(bytes)) +
                                static_cast<double>(bytes) / options_.bytes_per_second;
    result_.blocking_stall_seconds += static_cast<double>(num_missing_) * read_seconds;
    result_.steps.back().blocking_stall_seconds += static_cast<double>(num_missing_) * read_seconds;
  }

  uint64_t NumRequests(uint64_t bytes) const {
    return options_.request_bytes == 0 ? 1 : (bytes + options_.request_bytes - 1) / options_.request_bytes;
  }

  void AnnounceAhead(size_t number) {
    const std::optional<size_t> target = prefetch_.Target(number);
    if (!target) return;
    const bool is_committed = options_.source.kind == PrefetchSource::Kind::kCommitted;
    if (!is_committed && !budget_.allows_any()) return;
    prefetch_.Guess(*target, memory_.usage(), &guesses_);
    const int32_t layer_index = trace_.visit(*target).layer_index;
    const uint64_t bytes = trace_.expert_bytes(layer_index);
    const ReadClass read_class = is_committed ? ReadClass::kCommitted : ReadClass::kSpeculative;
    std::erase_if(guesses_, [&](const ExpertGuess& guess) {
      const size_t expert = trace_.expert_index(layer_index, guess.expert);
      if (memory_.is_absent(expert)) return false;
      memory_.Announce(expert, *target, read_class, guess.probability);
      return true;
    });
    prefetch_.Grade(*target, guesses_);
    size_t count = SelectGuesses(guesses_, bytes, is_committed ? SpeculationBudget{UINT64_MAX, 0} : budget_);
    count = std::min<size_t>(count, options_.memory_bytes / kAnnouncedPart / bytes);
    for (size_t i = 0; i < count; ++i) {
      const size_t expert = trace_.expert_index(layer_index, guesses_[i].expert);
      if (disk_.Raise(expert, read_class)) continue;
      memory_.Announce(expert, *target, read_class, guesses_[i].probability);
      announced_.push_back({.expert = expert, .target = *target, .read_class = read_class});
      disk_.Enqueue(expert, read_class, bytes);
    }
  }

  // Resident experts first, ascending, then those that arrive, as they come.
  void Compute() {
    for (size_t next = 0; next < ready_.size() || num_missing_ > 0;) {
      if (next < ready_.size()) {
        Spend(options_.expert_seconds);
        memory_.Compute(ready_[next++]);
      } else {
        FOREGATE_CHECK(disk_.AdvanceToArrival());
        if (disk_.now() > now_) result_.stall_seconds += disk_.now() - now_;
        now_ = std::max(now_, disk_.now());
      }
      for (const size_t expert : memory_.TakeArrivals()) {
        if (!memory_.is_wanted(expert)) continue;
        ready_.push_back(expert);
        --num_missing_;
      }
    }
  }

  const ReplayTrace& trace_;
  const ReplayOptions& options_;
  ReplayPrefetch prefetch_;
  ReplayMemory memory_;
  VirtualDisk disk_;
  GovernorState governor_;
  const GovernorLimits limits_;
  SpeculationBudget budget_;
  std::vector<Announced> announced_;
  std::vector<ExpertGuess> guesses_;
  std::vector<size_t> ready_;
  size_t num_missing_ = 0;
  double now_ = 0;
  PrefetchCounters before_;
  uint64_t read_before_ = 0;
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

double ReplayResult::rows_per_second(size_t first_step) const {
  double rows = 0, seconds = 0;
  for (size_t i = first_step; i < steps.size(); ++i) {
    rows += static_cast<double>(steps[i].num_rows);
    seconds += steps[i].seconds;
  }
  return seconds > 0 ? rows / seconds : 0;
}

double ReplayResult::blocking_rows_per_second(size_t first_step) const {
  double rows = 0, seconds = 0;
  for (size_t i = first_step; i < steps.size(); ++i) {
    rows += static_cast<double>(steps[i].num_rows);
    seconds += steps[i].compute_seconds + steps[i].blocking_stall_seconds;
  }
  return seconds > 0 ? rows / seconds : 0;
}

absl::StatusOr<ReplayResult> Replay(const ReplayTrace& trace, const ReplayOptions& options) {
  uint64_t largest = 0;
  for (const TraceHeader::Layer& layer : trace.header().layers) largest = std::max(largest, layer.expert_bytes);
  if (options.memory_bytes < 2 * largest)
    return absl::InvalidArgumentError("replay: " + std::to_string(options.memory_bytes) +
                                      " bytes do not hold two experts of " + std::to_string(largest));
  FOREGATE_ASSIGN_OR_RETURN(ReplayPrefetch prefetch, ReplayPrefetch::Create(trace, options.source));
  return ReplayRun(trace, options, std::move(prefetch)).Run();
}

}  // namespace foregate
