// The typed answer to a GenerationCall: deltas while it runs and a summary at the end. No transport, no protobuf.
#ifndef FOREGATE_SERVER_GENERATION_GENERATION_DELTA_H_
#define FOREGATE_SERVER_GENERATION_GENERATION_DELTA_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/request/token_sink.h"
#include "server/text/reply/reply_format.h"

namespace foregate {

// One token with its log-probability; text and bytes are empty for a checkpoint without a tokenizer.
struct TokenScore {
  int32_t token_id = 0;
  std::string text;
  std::string bytes;
  float logprob = 0;
  int32_t rank = 0;  // 1 is the most likely token
};

struct ScoredToken {
  TokenScore token;
  bool has_logprob = false;  // false for the first token of a prompt, which nothing predicts
  std::vector<TokenScore> top;
};

// How a sample ended: kStopToken (with the id), kStopString (with the string) or kLength.
struct SampleEnd {
  FinishReason reason = FinishReason::kLength;
  std::string stop_string;
  int32_t stop_token_id = 0;
};

struct SampleDelta {
  int32_t index = 0;
  std::string text;  // whole characters only
  std::vector<int32_t> token_ids;
  std::vector<ScoredToken> logprobs;
  std::optional<ReplyDelta> message;  // of a chat: what `text` says, taken apart
  std::optional<SampleEnd> end;       // set on the last delta of the sample
};

// At most one entry per sample.
struct GenerationDelta {
  std::vector<SampleDelta> samples;
  std::vector<ScoredToken> prompt_logprobs;

  bool empty() const { return samples.empty() && prompt_logprobs.empty(); }
};

// Appends `delta`, which came later, to `total`: texts, ids and log-probabilities of a sample concatenate.
void AppendDelta(GenerationDelta delta, GenerationDelta* total);
// About what the delta takes on the wire; what the bounds of buffers count. Additive under AppendDelta but for the
// few bytes of each sample's own entry.
size_t ApproximateBytes(const GenerationDelta& delta);

struct ExecutionDescription {
  std::string weights_format;
  std::string isa;
  std::string numeric_contract;
  std::vector<std::string> lossy_options;  // in force that may change tokens
};

struct GenerationSummary {
  std::string request_id;
  RequestSummary engine;         // timings and experts as the engine measured them
  int32_t generated_tokens = 0;  // over all samples, as delivered: tokens after a stop string do not count
  int64_t per_token_us = 0;      // mean after the first token of the longest sample; 0 with one token
  int64_t total_us = 0;          // arrival to the end of text work
  uint64_t seed = 0;
  ExecutionDescription execution;
};

// Where a request's typed results go. Called from text threads, one call at a time per request, and in order.
// No method may block.
class DeltaSink {
 public:
  virtual ~DeltaSink() = default;
  // Not OK: the receiver takes no more (a slow reader); the request is then cancelled with that status. Deltas that
  // come all the same until OnDone are dropped by the receiver.
  virtual absl::Status OnDelta(GenerationDelta delta) = 0;
  // Exactly once, last.
  virtual void OnDone(const absl::Status& status, const GenerationSummary& summary) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_GENERATION_DELTA_H_
