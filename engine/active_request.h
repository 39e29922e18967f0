// ActiveRequest: everything that the engine thread knows of one request between Submit and OnDone.
#ifndef FOREGATE_ENGINE_ACTIVE_REQUEST_H_
#define FOREGATE_ENGINE_ACTIVE_REQUEST_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/host/engine_metrics.h"
#include "engine/kv/prefix_cache.h"
#include "engine/request/generation_request.h"
#include "engine/request/sequence.h"
#include "engine/request/token_sink.h"
#include "engine/sample/logits_processor.h"
#include "engine/schedule/expert_turns.h"
#include "engine/schedule/scheduler.h"

namespace foregate {

struct ActiveRequest;

struct ActiveSample {
  ActiveSample(ActiveRequest* request_owner, int32_t sample_index, Sequence tokens, LogitsProcessor logits_processor)
      : owner(request_owner),
        index(sample_index),
        sequence(std::move(tokens)),
        processor(std::move(logits_processor)) {}

  ActiveRequest* const owner;
  const int32_t index;
  ScheduleOrder order;
  Sequence sequence;
  LogitsProcessor processor;
  SteadyTime last_token = {};
  SequenceTurn turn;  // used where EngineOptions::expert_affinity_steps says so
};

struct ActiveRequest {
  GenerationRequest request;
  std::shared_ptr<TokenSink> sink;
  int32_t max_tokens = 0;  // the request's, cut to the context limit
  PrefixKey prefix_root;
  // One per sample; before the prompt is computed only the first exists and stands for all.
  std::vector<std::unique_ptr<ActiveSample>> samples;
  bool forked = false;
  std::vector<uint8_t> stop_requested;  // [num_samples]
  bool has_stop_requests = false;
  int32_t num_open_samples = 0;
  std::vector<TokenRecord> prompt_logprobs;

  bool ending = false;  // OnDone(status) is due
  absl::Status status;
  RequestOutcome outcome = RequestOutcome::kStop;

  bool was_scheduled = false;
  SteadyTime first_scheduled = {};
  SteadyTime prompt_done = {};
  SteadyTime first_token = {};
  SteadyTime last_token = {};
  RequestSummary summary;

  bool wants_prompt_logprobs() const { return request.sampling.num_prompt_logprobs >= 0; }
  bool has_first_token() const { return summary.num_generated_tokens > 0; }
};

// Fills the timings of `summary` from the times above and observes the per-request metrics.
void RecordEnd(ActiveRequest* request, SteadyTime now, EngineMetrics* metrics);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_ACTIVE_REQUEST_H_
