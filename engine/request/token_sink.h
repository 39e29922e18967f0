// TokenSink: where the engine puts a request's results. Implemented by the server; called on the engine thread only.
//
// No method may block, allocate without bound, or call back into the engine other than Engine::Cancel/StopSample.
#ifndef FOREGATE_ENGINE_REQUEST_TOKEN_SINK_H_
#define FOREGATE_ENGINE_REQUEST_TOKEN_SINK_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace foregate {

struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;
  int32_t rank = 0;  // 1 is the most likely token
};

// One token with what is known of it. `top` is empty unless alternatives were asked for; best first.
struct TokenRecord {
  int32_t token = 0;
  bool has_logprob = false;
  TokenLogprob logprob;
  std::vector<TokenLogprob> top;
};

enum class FinishReason : uint8_t {
  kStopToken,   // the last token is one of stop_token_ids
  kLength,      // max_tokens or the context limit
  kStopString,  // Engine::StopSample was called
  kCancelled,   // cancelled, deadline, or an error: the status says which
};

// How often each expert of each MoE layer worked for this request (prompt and generated tokens that were computed).
struct ExpertCounts {
  std::vector<int32_t> layers;  // model layer of each row, ascending
  int32_t num_experts = 0;
  std::vector<uint64_t> counts;  // [layers.size(), num_experts]
};

struct RequestSummary {
  int32_t num_prompt_tokens = 0;
  int32_t num_cached_tokens = 0;     // prompt tokens whose KV came from the prefix cache
  int32_t num_generated_tokens = 0;  // over all samples
  int32_t num_preemptions = 0;
  int64_t queue_us = 0;        // arrival to first scheduled
  int64_t prefill_us = 0;      // first scheduled to the end of the prompt
  int64_t first_token_us = 0;  // arrival to first token (TTFT); 0 when there was none
  int64_t decode_us = 0;       // first token to last token
  ExpertCounts experts;        // empty unless asked for
};

class TokenSink {
 public:
  virtual ~TokenSink() = default;
  // Once, before the first token, when prompt log-probabilities were asked for; [0] has no log-probability.
  virtual void OnPromptLogprobs(std::vector<TokenRecord> prompt) = 0;
  // One more token of sample `sample`.
  virtual void OnToken(int32_t sample, TokenRecord record) = 0;
  // Sample `sample` gets no more tokens. Once per sample on success.
  virtual void OnSampleFinish(int32_t sample, FinishReason reason) = 0;
  // Exactly once, last. OK when every sample finished; CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE or
  // INTERNAL otherwise. The engine drops its reference afterwards.
  virtual void OnDone(const absl::Status& status, const RequestSummary& summary) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_REQUEST_TOKEN_SINK_H_
