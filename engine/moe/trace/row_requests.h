// RowRequests: which request a row belongs to, told from positions alone (our recorder's CSV names no requests).
//
// A row continues the row before it in the step, or the request whose last position is the one before its own; else it
// begins a request. It decodes when it is its request's only row in the step and not at position 0. Two requests at the
// same position can be taken for each other, which changes no visit. Memory: the requests of the trace.
#ifndef FOREGATE_ENGINE_MOE_TRACE_ROW_REQUESTS_H_
#define FOREGATE_ENGINE_MOE_TRACE_ROW_REQUESTS_H_

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/moe/trace/route_trace_format.h"

namespace foregate {

class RowRequests {
 public:
  // The rows of one visit. All visits of a step have the rows of its first one, or fewer.
  std::vector<TraceRow> Resolve(uint64_t step, std::span<const int32_t> positions);

 private:
  void BeginStep(std::span<const int32_t> positions);

  std::multimap<int32_t, uint64_t> open_;  // next position -> request
  uint64_t num_requests_ = 0;
  bool has_step_ = false;
  uint64_t step_ = 0;
  std::vector<TraceRow> rows_;  // of the step's first visit
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_ROW_REQUESTS_H_
