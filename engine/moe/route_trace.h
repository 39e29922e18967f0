// RouteStatistics: how often every expert of every MoE layer was chosen, and a recorder of routing traces.
//
// Written by the engine thread once per step, read by anyone. Thread-safe: counts are relaxed atomics; recording holds
// one short lock.
#ifndef FOREGATE_ENGINE_MOE_ROUTE_TRACE_H_
#define FOREGATE_ENGINE_MOE_ROUTE_TRACE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/moe/route_recorder.h"
#include "engine/moe/trace/route_trace_format.h"

namespace foregate {

class RouteStatistics {
 public:
  // `moe_layers`: the model layers that route, ascending.
  RouteStatistics(std::vector<int32_t> moe_layers, int32_t num_experts, int32_t top_k);

  // Engine thread, all layers of a step in order. `experts` is [rows, top_k] of MoE layer number `moe_layer_index`;
  // `weights` as well, or empty.
  void Record(size_t moe_layer_index, uint64_t step, std::span<const TraceRow> rows, std::span<const int32_t> experts,
              std::span<const float> weights = {});

  const std::vector<int32_t>& moe_layers() const { return moe_layers_; }
  int32_t num_experts() const { return num_experts_; }
  int32_t top_k() const { return top_k_; }
  uint64_t count(size_t moe_layer_index, int32_t expert) const;

  // Starts keeping every routing decision, until `max_bytes` are held (then the trace is closed and says so).
  // FAILED_PRECONDITION when one is being recorded; MakeRouteRecorder's errors.
  absl::Status StartRecording(const RouteRecording& recording);
  // Ends the recording. FAILED_PRECONDITION when none was started.
  absl::StatusOr<RecordedRoutes> StopRecording();

 private:
  const std::vector<int32_t> moe_layers_;
  const int32_t num_experts_;
  const int32_t top_k_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_;  // [moe_layers, num_experts]
  std::atomic<bool> recording_{false};
  std::mutex mutex_;
  std::unique_ptr<RouteRecorder> recorder_;  // guarded by mutex_; null: none was started
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_ROUTE_TRACE_H_
