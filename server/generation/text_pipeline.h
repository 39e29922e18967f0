// TextPipeline: the ordered text work of one request, between the engine's tokens and the typed deltas.
//
//   engine thread    OnToken ... : append to a queue under one lock, and at most one task in the text pool; no more
//   text thread      detokenize, match stop strings, emit deltas; never two at a time for one request
//
// Tokens after a stop string's match are dropped everywhere, so a reply does not depend on how far the engine ran
// ahead. What waits in the queue is bounded by the request itself: num_samples * max_tokens records.
#ifndef FOREGATE_SERVER_GENERATION_TEXT_PIPELINE_H_
#define FOREGATE_SERVER_GENERATION_TEXT_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/request/token_sink.h"
#include "server/generation/generation_delta.h"
#include "server/generation/running_generation.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/serving_state.h"
#include "server/text/incremental_detokenizer.h"
#include "server/text/reply/reply_format.h"
#include "server/text/stop_matcher.h"

namespace foregate {

struct TextPipelineOptions {
  std::string request_id = {};
  int32_t num_samples = 1;
  int32_t min_tokens = 0;                    // stop strings are looked for only in the text of later tokens
  std::vector<int32_t> stop_token_ids = {};  // sorted; their text is never emitted
  std::vector<std::string> stop_strings = {};
  bool include_stop_string = false;
  bool skip_special_tokens = true;
  uint64_t seed = 0;
  SteadyTime arrival = {};
  // Of a chat: how its reply is taken apart, and what the prompt says of that. Null: no chat, no messages in the
  // deltas.
  const ReplyFormat* reply_format = nullptr;
  std::string prompt_end = {};             // the last part of the rendered prompt
  nlohmann::ordered_json tools = nullptr;  // null without tools
};

class TextPipeline final : public TokenSink,
                           public RunningGeneration,
                           public std::enable_shared_from_this<TextPipeline> {
 public:
  // The pool outlives the pipeline. `model` is held until the request has ended.
  TextPipeline(TextPipelineOptions options, std::shared_ptr<ServedModel> model, TextPool* pool,
               std::shared_ptr<DeltaSink> sink);
  ~TextPipeline() override;

  // TokenSink; engine thread.
  void OnPromptLogprobs(std::vector<TokenRecord> prompt) override;
  void OnToken(int32_t sample, TokenRecord record) override;
  void OnSampleFinish(int32_t sample, FinishReason reason) override;
  void OnDone(const absl::Status& status, const RequestSummary& summary) override;

  // RunningGeneration; any thread.
  void Cancel(absl::Status reason) override;

 private:
  struct Token {
    int32_t sample;
    TokenRecord record;
  };
  struct SampleFinish {
    int32_t sample;
    FinishReason reason;
  };
  struct Done {
    absl::Status status;
    RequestSummary summary;
  };
  using Event = std::variant<std::vector<TokenRecord>, Token, SampleFinish, Done>;

  // A sample's text state; text thread only.
  struct SampleState {
    std::optional<IncrementalDetokenizer> detokenizer;  // absent without a tokenizer
    std::optional<StopMatcher> matcher;                 // absent without stop strings
    std::unique_ptr<ReplyParser> reply;                 // null unless a chat
    int32_t num_tool_calls = 0;
    int32_t num_tokens = 0;  // as delivered
    int32_t num_engine_tokens = 0;
    int32_t last_token = 0;
    bool ended = false;
  };

  void Enqueue(Event event);
  // Asks the pool for a turn; waiting_self_ is set.
  void Schedule();
  // One turn on a text thread: everything that has arrived becomes one delta.
  void Run();
  void Process(Token token, GenerationDelta* delta);
  void Process(const SampleFinish& finish, GenerationDelta* delta);
  // The prompt's log-probabilities, which come before any token, in deltas of moderate size.
  void DeliverPrompt(std::vector<TokenRecord> prompt);
  void Finish(const Done& done);
  // Passes new text of a sample through its stop matcher to Emit; ends the sample on a match.
  void MatchStops(int32_t sample, const std::string& text, bool look_for_stops, SampleDelta* out);
  // Text that is certain, into `out` and through the sample's reply parser.
  void Emit(int32_t sample, const std::string& text, SampleDelta* out);
  void AddMessage(int32_t sample, ReplyDelta message, SampleDelta* out);
  void EndSample(int32_t sample, SampleEnd end, SampleDelta* out);
  void Deliver(GenerationDelta delta);
  TokenScore Score(const TokenLogprob& logprob) const;
  ScoredToken Scored(const TokenRecord& record) const;

  const TextPipelineOptions options_;
  TextPool* const pool_;
  const std::shared_ptr<DeltaSink> sink_;

  std::mutex mutex_;
  std::vector<Event> events_;  // guarded by mutex_
  bool scheduled_ = false;     // guarded by mutex_: a turn is waiting or running
  // Guarded by mutex_: set while a turn waits, whose task is a plain pointer so that enqueuing it allocates nothing.
  std::shared_ptr<TextPipeline> waiting_self_;
  bool engine_done_ = false;            // guarded by mutex_
  std::shared_ptr<ServedModel> model_;  // guarded by mutex_; reset after the last delta. On text threads valid before

  std::vector<Event> turn_;           // text thread: the events of this turn; changes places with events_
  std::vector<SampleState> samples_;  // text thread
  absl::Status refused_;              // text thread: the sink takes no more, and why
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_TEXT_PIPELINE_H_
