#include "engine/moe/trace/row_requests.h"

namespace foregate {

void RowRequests::BeginStep(std::span<const int32_t> positions) {
  rows_.clear();
  for (const int32_t position : positions) {
    if (!rows_.empty() && position > 0 && rows_.back().position == position - 1) {
      rows_.push_back({rows_.back().request, position, TracePhase::kPrefill});
      rows_[rows_.size() - 2].phase = TracePhase::kPrefill;
      continue;
    }
    const auto found = open_.find(position);
    uint64_t request = num_requests_;
    if (found != open_.end() && position > 0) {
      request = found->second;
      open_.erase(found);  // of two at the same position, the next row takes the other
    } else {
      ++num_requests_;
    }
    rows_.push_back({request, position, position == 0 ? TracePhase::kPrefill : TracePhase::kDecode});
  }
  for (size_t i = 0; i < rows_.size(); ++i) {
    const bool is_last = i + 1 == rows_.size() || rows_[i + 1].request != rows_[i].request;
    if (is_last && rows_[i].position < INT32_MAX) open_.emplace(rows_[i].position + 1, rows_[i].request);
  }
}

std::vector<TraceRow> RowRequests::Resolve(uint64_t step, std::span<const int32_t> positions) {
  if (!has_step_ || step != step_) {
    BeginStep(positions);
    has_step_ = true;
    step_ = step;
  }
  std::vector<TraceRow> rows;
  size_t next = 0;
  for (const int32_t position : positions) {
    while (next < rows_.size() && rows_[next].position != position) ++next;
    rows.push_back(next < rows_.size() ? rows_[next++] : TraceRow{0, position, TracePhase::kPrefill});
  }
  return rows;
}

}  // namespace foregate
