// TraceSummary: what a routing trace says about caching, in one pass and without a cache.
#ifndef FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_SUMMARY_H_
#define FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_SUMMARY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/moe/trace/route_trace_reader.h"

namespace foregate {

struct TraceSummary {
  uint64_t num_visits = 0;
  uint64_t num_steps = 0;
  uint64_t num_requests = 0;
  // Rows of steps, each once: of the step's visit that had most.
  uint64_t num_prefill_rows = 0;
  uint64_t num_decode_rows = 0;

  uint64_t num_experts = 0;       // over all layers
  uint64_t num_experts_used = 0;  // that any row chose
  uint64_t expert_bytes = 0;      // of all
  // Of steps whose rows all decode; 0 without such.
  double experts_per_visit = 0;  // distinct
  double bytes_per_step = 0;     // of the distinct experts: one round of the layers
  double reused_share = 0;       // of a visit's experts, what the layer's visit before it had as well
  // Over all layers, by choices; a layer's share where all experts were equal would be 1 / experts.
  double hottest_times_uniform = 0;  // mean over layers: choices of the most chosen expert x experts / all choices
  double top_quarter_share = 0;      // mean over layers: choices that go to the most chosen quarter of the experts
};

// Reads to the end or the tear, which the reader's `torn` tells. The reader's error. Memory: the experts of the model
// and the numbers of the requests.
absl::StatusOr<TraceSummary> SummarizeTrace(TraceReader& reader);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_SUMMARY_H_
