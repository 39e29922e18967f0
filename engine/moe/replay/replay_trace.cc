#include "engine/moe/replay/replay_trace.h"

#include <algorithm>
#include <string>

#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<ReplayTrace> ReplayTrace::Read(TraceReader& reader) {
  ReplayTrace trace;
  trace.header_ = reader.header();
  TraceVisit visit;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool has_visit, reader.Next(&visit));
    if (!has_visit) break;
    if (trace.choices_.size() + visit.experts.size() >= kNoVisit)
      return absl::ResourceExhaustedError("a trace of more than 2^32 choices cannot be replayed");
    trace.Append(visit.step, visit.layer_index, visit.rows.size(), visit.experts);
  }
  if (trace.visits_.empty()) return absl::InvalidArgumentError("the trace has no visits");
  trace.Finish();
  return trace;
}

void ReplayTrace::Append(uint64_t step, int32_t layer_index, size_t num_rows, std::span<const int32_t> choices) {
  if (visits_.empty() || visits_.back().step != step) ++num_steps_;
  const auto first = static_cast<ptrdiff_t>(choices_.size());
  visits_.push_back({step, layer_index, num_rows, choices_.size()});
  choices_.insert(choices_.end(), choices.begin(), choices.end());
  ranked_.insert(ranked_.end(), choices.begin(), choices.end());
  std::sort(choices_.begin() + first, choices_.end());
}

// Backwards, remembering for every expert the visit that used it last.
void ReplayTrace::Finish() {
  next_use_.resize(choices_.size());
  std::vector<uint32_t> next(num_experts(), kNoVisit);
  for (size_t i = visits_.size(); i-- > 0;) {
    const size_t end = i + 1 < visits_.size() ? visits_[i + 1].first_choice : choices_.size();
    for (size_t c = visits_[i].first_choice; c < end; ++c)
      next_use_[c] = next[expert_index(visits_[i].layer_index, choices_[c])];
    for (size_t c = visits_[i].first_choice; c < end; ++c)
      next[expert_index(visits_[i].layer_index, choices_[c])] = static_cast<uint32_t>(i);
  }
}

ReplayTrace::Visit ReplayTrace::visit(size_t i) const {
  const Entry& entry = visits_[i];
  const size_t end = i + 1 < visits_.size() ? visits_[i + 1].first_choice : choices_.size();
  return {.step = entry.step,
          .layer_index = entry.layer_index,
          .num_rows = entry.num_rows,
          .choices = std::span(choices_).subspan(entry.first_choice, end - entry.first_choice),
          .ranked = std::span(ranked_).subspan(entry.first_choice, end - entry.first_choice),
          .next_use = std::span(next_use_).subspan(entry.first_choice, end - entry.first_choice)};
}

absl::StatusOr<ReplayTrace> ReplayTrace::Merge(size_t num_streams) const {
  if (num_streams < 1 || num_streams > num_steps_)
    return absl::InvalidArgumentError(std::to_string(num_streams) + " streams of a trace of " +
                                      std::to_string(num_steps_) + " steps");
  std::vector<size_t> first_visits;  // of every step, and the end
  for (size_t i = 0; i < visits_.size(); ++i)
    if (i == 0 || visits_[i].step != visits_[i - 1].step) first_visits.push_back(i);
  first_visits.push_back(visits_.size());
  const auto first_step = [&](size_t stream) { return stream * num_steps_ / num_streams; };

  ReplayTrace merged;
  merged.header_ = header_;
  std::vector<size_t> visits;  // of one merged step
  std::vector<int32_t> choices;
  const size_t num_steps = (num_steps_ + num_streams - 1) / num_streams;
  for (size_t step = 0; step < num_steps; ++step) {
    visits.clear();
    for (size_t stream = 0; stream < num_streams; ++stream) {
      const size_t from = first_step(stream) + step;
      if (from >= first_step(stream + 1)) continue;
      for (size_t i = first_visits[from]; i < first_visits[from + 1]; ++i) visits.push_back(i);
    }
    std::stable_sort(visits.begin(), visits.end(),
                     [&](size_t a, size_t b) { return visits_[a].layer_index < visits_[b].layer_index; });
    for (size_t i = 0; i < visits.size();) {
      const int32_t layer_index = visits_[visits[i]].layer_index;
      size_t num_rows = 0;
      choices.clear();
      for (; i < visits.size() && visits_[visits[i]].layer_index == layer_index; ++i) {
        const Visit part = visit(visits[i]);
        num_rows += part.num_rows;
        choices.insert(choices.end(), part.ranked.begin(), part.ranked.end());
      }
      merged.Append(step, layer_index, num_rows, choices);
    }
  }
  merged.Finish();
  return merged;
}

absl::StatusOr<ReplayTrace> ReplayTrace::Repeat(size_t times) const {
  if (times < 1) return absl::InvalidArgumentError("a trace repeated 0 times");
  if (times > kNoVisit / choices_.size())
    return absl::ResourceExhaustedError("a trace of more than 2^32 choices cannot be replayed");
  ReplayTrace repeated;
  repeated.header_ = header_;
  const uint64_t steps_each = visits_.back().step + 1;
  for (size_t run = 0; run < times; ++run) {
    for (size_t i = 0; i < visits_.size(); ++i) {
      const Visit part = visit(i);
      repeated.Append(run * steps_each + part.step, part.layer_index, part.num_rows, part.ranked);
    }
  }
  repeated.Finish();
  return repeated;
}

}  // namespace foregate
