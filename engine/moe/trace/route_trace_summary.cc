#include "engine/moe/trace/route_trace_summary.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_set>
#include <vector>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Adds up a trace, visit by visit.
class Counter {
 public:
  explicit Counter(const TraceHeader& header)
      : header_(header),
        num_choices_(header.layers.size() * static_cast<size_t>(header.num_experts)),
        last_visit_(num_choices_.size()),
        layer_visits_(header.layers.size()) {}

  void Add(const TraceVisit& visit) {
    if (summary_.num_visits == 0 || visit.step != step_) EndStep();
    ++summary_.num_visits;
    step_ = visit.step;
    uint64_t num_decode = 0;
    for (const TraceRow& row : visit.rows) {
      num_decode += row.phase == TracePhase::kDecode ? 1 : 0;
      requests_.insert(row.request);
    }
    if (visit.rows.size() > num_decode_ + num_prefill_) {
      num_decode_ = num_decode;
      num_prefill_ = visit.rows.size() - num_decode;
    }
    CountExperts(visit);
  }

  TraceSummary Finish() {
    EndStep();
    summary_.num_requests = requests_.size();
    summary_.num_experts = num_choices_.size();
    summary_.expert_bytes = header_.expert_bytes();
    if (num_decode_visits_ > 0)
      summary_.experts_per_visit = static_cast<double>(num_distinct_) / static_cast<double>(num_decode_visits_);
    if (num_decode_steps_ > 0) summary_.bytes_per_step = bytes_ / static_cast<double>(num_decode_steps_);
    if (num_comparable_ > 0)
      summary_.reused_share = static_cast<double>(num_reused_) / static_cast<double>(num_comparable_);
    CountSkew();
    return summary_;
  }

 private:
  void EndStep() {
    if (num_decode_ + num_prefill_ == 0) return;
    ++summary_.num_steps;
    summary_.num_decode_rows += num_decode_;
    summary_.num_prefill_rows += num_prefill_;
    if (num_prefill_ == 0) {
      ++num_decode_steps_;
      num_decode_visits_ += step_visits_;
      num_distinct_ += step_distinct_;
      bytes_ += step_bytes_;
      num_reused_ += step_reused_;
      num_comparable_ += step_comparable_;
    }
    num_decode_ = num_prefill_ = step_visits_ = step_distinct_ = step_reused_ = step_comparable_ = 0;
    step_bytes_ = 0;
  }

  void CountExperts(const TraceVisit& visit) {
    const auto layer = static_cast<size_t>(visit.layer_index);
    const uint64_t number = ++layer_visits_[layer];
    ++step_visits_;
    for (const int32_t expert : visit.experts) {
      const size_t index = layer * static_cast<size_t>(header_.num_experts) + static_cast<size_t>(expert);
      ++num_choices_[index];
      if (last_visit_[index] == number) continue;
      if (number > 1) {
        ++step_comparable_;
        if (last_visit_[index] + 1 == number) ++step_reused_;
      }
      last_visit_[index] = number;
      ++step_distinct_;
      step_bytes_ += static_cast<double>(header_.layers[layer].expert_bytes);
    }
  }

  void CountSkew() {
    const auto num_experts = static_cast<size_t>(header_.num_experts);
    size_t num_layers = 0;
    for (size_t layer = 0; layer < header_.layers.size(); ++layer) {
      const auto begin = num_choices_.begin() + static_cast<ptrdiff_t>(layer * num_experts);
      std::vector<uint64_t> choices(begin, begin + static_cast<ptrdiff_t>(num_experts));
      summary_.num_experts_used +=
          num_experts - static_cast<size_t>(std::count(choices.begin(), choices.end(), uint64_t{0}));
      std::sort(choices.begin(), choices.end(), std::greater<>());
      const auto all = static_cast<double>(std::accumulate(choices.begin(), choices.end(), uint64_t{0}));
      if (all == 0) continue;
      ++num_layers;
      const auto quarter = choices.begin() + static_cast<ptrdiff_t>((num_experts + 3) / 4);
      summary_.hottest_times_uniform += static_cast<double>(choices[0]) * static_cast<double>(num_experts) / all;
      summary_.top_quarter_share += static_cast<double>(std::accumulate(choices.begin(), quarter, uint64_t{0})) / all;
    }
    if (num_layers == 0) return;
    summary_.hottest_times_uniform /= static_cast<double>(num_layers);
    summary_.top_quarter_share /= static_cast<double>(num_layers);
  }

  const TraceHeader& header_;
  std::vector<uint64_t> num_choices_;  // [layers, experts]
  std::vector<uint64_t> last_visit_;   // the same; number of the layer's visit, from 1
  std::vector<uint64_t> layer_visits_;
  std::unordered_set<uint64_t> requests_;
  TraceSummary summary_;
  uint64_t step_ = 0;
  // Of the step under way, and of the decode steps so far.
  uint64_t num_decode_ = 0, num_prefill_ = 0, step_visits_ = 0, step_distinct_ = 0, step_reused_ = 0;
  uint64_t step_comparable_ = 0;
  double step_bytes_ = 0;
  uint64_t num_decode_steps_ = 0, num_decode_visits_ = 0, num_distinct_ = 0, num_reused_ = 0, num_comparable_ = 0;
  double bytes_ = 0;
};

}  // namespace

absl::StatusOr<TraceSummary> SummarizeTrace(TraceReader& reader) {
  Counter counter(reader.header());
  TraceVisit visit;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool has_visit, reader.Next(&visit));
    if (!has_visit) return counter.Finish();
    counter.Add(visit);
  }
}

}  // namespace foregate
