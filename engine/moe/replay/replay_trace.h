// ReplayTrace: a routing trace in memory, as a cache meets it: visit by visit, each with its experts and with what only
// a recording can know, when each is wanted next.
//
// Immutable once made; 12 bytes per choice.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_REPLAY_TRACE_H_
#define FOREGATE_ENGINE_MOE_REPLAY_REPLAY_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/trace/route_trace_format.h"
#include "engine/moe/trace/route_trace_reader.h"

namespace foregate {

class ReplayTrace {
 public:
  struct Visit {
    uint64_t step = 0;
    int32_t layer_index = 0;
    size_t num_rows = 0;
    std::span<const int32_t> choices;    // [rows x top_k], ascending; an expert stands as often as rows chose it
    std::span<const int32_t> ranked;     // [rows, top_k] as they were recorded: a row's first rank first
    std::span<const uint32_t> next_use;  // per choice: number of the visit that uses it next, or kNoVisit
  };
  static constexpr uint32_t kNoVisit = UINT32_MAX;

  // For traces that are made up.
  class Builder;

  // Reads to the end or the tear, which the reader's `torn` tells. The reader's error; INVALID_ARGUMENT for a trace
  // without visits; RESOURCE_EXHAUSTED for more than 2^32 choices.
  static absl::StatusOr<ReplayTrace> Read(TraceReader& reader);

  // The trace cut into `num_streams` parts of equal numbers of steps, which run side by side: step i of the result has
  // the rows of step i of every part. INVALID_ARGUMENT for fewer than one stream or more than there are steps.
  absl::StatusOr<ReplayTrace> Merge(size_t num_streams) const;

  // All steps, `times` over, one run after the other: a short trace served again and again. INVALID_ARGUMENT for 0;
  // RESOURCE_EXHAUSTED for more than 2^32 choices.
  absl::StatusOr<ReplayTrace> Repeat(size_t times) const;

  const TraceHeader& header() const { return header_; }
  size_t num_visits() const { return visits_.size(); }
  size_t num_steps() const { return num_steps_; }
  Visit visit(size_t i) const;
  // Of one layer's experts.
  uint64_t expert_bytes(int32_t layer_index) const {
    return header_.layers[static_cast<size_t>(layer_index)].expert_bytes;
  }
  size_t expert_index(int32_t layer_index, int32_t expert) const {
    return static_cast<size_t>(layer_index) * static_cast<size_t>(header_.num_experts) + static_cast<size_t>(expert);
  }
  size_t num_experts() const { return header_.layers.size() * static_cast<size_t>(header_.num_experts); }

 private:
  struct Entry {
    uint64_t step = 0;
    int32_t layer_index = 0;
    size_t num_rows = 0;
    size_t first_choice = 0;
  };
  void Append(uint64_t step, int32_t layer_index, size_t num_rows, std::span<const int32_t> choices);
  // After the last Append.
  void Finish();

  TraceHeader header_;
  std::vector<Entry> visits_;
  std::vector<int32_t> choices_;
  std::vector<int32_t> ranked_;
  std::vector<uint32_t> next_use_;
  size_t num_steps_ = 0;
};

class ReplayTrace::Builder {
 public:
  explicit Builder(const TraceHeader& header) { trace_.header_ = header; }

  // A visit, in order. `choices`: [num_rows, top_k], as TraceVisit has them under the header; fewer than 2^32 in all.
  void Add(uint64_t step, int32_t layer_index, size_t num_rows, std::span<const int32_t> choices) {
    trace_.Append(step, layer_index, num_rows, choices);
  }
  // After one visit at least.
  ReplayTrace Build() && {
    trace_.Finish();
    return std::move(trace_);
  }

 private:
  ReplayTrace trace_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_REPLAY_TRACE_H_
