// Engine: all that the server sees of prefill and decode. Requests go in as values, tokens come out through sinks.
//
// Thread-safe. One engine thread, started by Start(), owns every sequence, block and device operation; the methods here
// leave a message in a bounded mailbox or read atomics. Without Start(), tests drive EngineLoop::Step() themselves.
#ifndef FOREGATE_ENGINE_ENGINE_H_
#define FOREGATE_ENGINE_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/host/clock.h"
#include "engine/host/engine_metrics.h"
#include "engine/model/decoder.h"
#include "engine/moe/route_trace.h"
#include "engine/request/generation_request.h"
#include "engine/request/token_sink.h"
#include "kernels/api/kernels.h"

namespace foregate {

// Validated by server/config; defaults live in proto/foregate/config/v1/server_config.proto only.
struct EngineOptions {
  int32_t max_batch_tokens = 0;      // rows per step (token budget)
  int32_t max_running_requests = 0;  // sequences scheduled at once
  int32_t max_queued_requests = 0;   // beyond: RESOURCE_EXHAUSTED
  int64_t max_queued_tokens = 0;     // prompt tokens waiting; beyond: RESOURCE_EXHAUSTED
  int32_t prefill_chunk_tokens = 0;  // largest prefill chunk per sequence and step
  // A step in which one prompt is computed beside running streams takes at most about so many percent of one without
  // it; above 100, or 0 for no such limit. See schedule/prefill_pace.h.
  int32_t max_itl_stretch_percent = 0;
  // Where experts are read from a file, a stream may sit out so many steps in a row for others that want the same
  // experts; 0: never. See schedule/expert_affinity.h.
  int32_t expert_affinity_steps = 0;
  int32_t kv_block_tokens = 0;      // tokens per KV block
  int64_t kv_bytes = 0;             // KV memory
  int32_t max_sequence_tokens = 0;  // prompt + output limit, <= the model's
  bool prefix_cache = false;
  int64_t priority_aging_us = 0;     // waiting this long raises a request by one priority
  int64_t step_wait_timeout_us = 0;  // bound of one wait inside a step
};

// A consistent reading of the engine's load; cheap.
struct EngineLoad {
  int32_t running_requests = 0;
  int32_t waiting_requests = 0;
  int64_t waiting_tokens = 0;
  int32_t kv_blocks_total = 0;
  int32_t kv_blocks_used = 0;    // blocks that sequences hold
  int32_t kv_blocks_cached = 0;  // blocks held only by the prefix cache (free for the taking)
  uint64_t steps = 0;
  int64_t last_progress_us = 0;  // on the engine's clock: end of the last step, or the last idle poll
  int64_t step_started_us = 0;   // 0 when no step is running
};

class Engine {
 public:
  virtual ~Engine() = default;  // cancels everything still running (sinks get UNAVAILABLE), joins the thread

  // INVALID_ARGUMENT or FAILED_PRECONDITION with the numbers when the request can never fit; RESOURCE_EXHAUSTED when
  // the queue is full; ALREADY_EXISTS for a running id; UNAVAILABLE after StopAccepting(). On success the sink gets
  // OnDone exactly once; on failure it is never called.
  virtual absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) = 0;
  // Ends a request within one step, wherever it is; its sink gets OnDone(reason). Unknown ids are ignored (false).
  virtual bool Cancel(const std::string& request_id, absl::Status reason) = 0;
  // A stop string was found in `sample`'s text: no more tokens for it (finish reason kStopString).
  virtual void StopSample(const std::string& request_id, int32_t sample) = 0;
  virtual void StopAccepting() = 0;

  virtual EngineLoad load() const = 0;
  virtual const EngineMetrics& metrics() const = 0;
  virtual const DecoderInfo& model() const = 0;
  virtual const EngineOptions& options() const = 0;
  virtual const DeviceInfo& device() const = 0;
  // Routing seen since the start, and a recorder of traces. Thread-safe.
  virtual RouteStatistics& routing() = 0;
  // Thread-safe.
  virtual ExpertTier expert_tier() const = 0;
  // Thread-safe. Experts that are read from a file take at most so much memory, from the next layer on or soon after.
  virtual void LimitExpertMemory(uint64_t /*num_bytes*/) {}
};

// Builds an engine over a loaded model and starts its thread. `clock` outlives the engine.
// FAILED_PRECONDITION with the numbers when kv_bytes hold less than one sequence of max_sequence_tokens.
absl::StatusOr<std::unique_ptr<Engine>> StartEngine(const EngineOptions& options, Backend* backend,
                                                    std::unique_ptr<Decoder> decoder, const Clock* clock);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_ENGINE_H_
