#include "server/generation/text_pipeline.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/base/check.h"
#include "server/generation/tool_call_id.h"

namespace foregate {
namespace {

// With 20 alternatives a token is about 600 bytes on the wire, so a piece is well below any limit of messages.
constexpr size_t kPromptPieceTokens = 128;

// The entry of sample `index` in `delta`, made when there is none.
SampleDelta* EntryOf(int32_t index, GenerationDelta* delta) {
  for (SampleDelta& sample : delta->samples) {
    if (sample.index == index) return &sample;
  }
  delta->samples.emplace_back();
  delta->samples.back().index = index;
  return &delta->samples.back();
}

}  // namespace

TextPipeline::TextPipeline(TextPipelineOptions options, std::shared_ptr<ServedModel> model, TextPool* pool,
                           std::shared_ptr<DeltaSink> sink)
    : options_(std::move(options)),
      pool_(pool),
      sink_(std::move(sink)),
      model_(std::move(model)),
      samples_(static_cast<size_t>(options_.num_samples)) {
  const Tokenizer* tokenizer = model_->text.tokenizer.get();
  if (tokenizer == nullptr) return;
  const ReplyFormat* format = options_.reply_format;
  const bool skip_special_tokens =
      options_.skip_special_tokens && (format == nullptr || !format->needs_special_tokens());
  const bool has_tools = !options_.tools.is_null();
  for (SampleState& sample : samples_) {
    if (format != nullptr) {
      sample.reply = format->NewParser({options_.prompt_end, has_tools, has_tools ? &options_.tools : nullptr});
    }
    sample.detokenizer.emplace(tokenizer, skip_special_tokens);
    if (!options_.stop_strings.empty()) sample.matcher.emplace(options_.stop_strings, options_.include_stop_string);
  }
}

TextPipeline::~TextPipeline() = default;

void TextPipeline::OnPromptLogprobs(std::vector<TokenRecord> prompt) { Enqueue(std::move(prompt)); }

void TextPipeline::OnToken(int32_t sample, TokenRecord record) { Enqueue(Token{sample, std::move(record)}); }

void TextPipeline::OnSampleFinish(int32_t sample, FinishReason reason) { Enqueue(SampleFinish{sample, reason}); }

void TextPipeline::OnDone(const absl::Status& status, const RequestSummary& summary) { Enqueue(Done{status, summary}); }

void TextPipeline::Enqueue(Event event) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (std::holds_alternative<Done>(event)) engine_done_ = true;
    events_.push_back(std::move(event));
    if (scheduled_) return;
    scheduled_ = true;
    waiting_self_ = shared_from_this();
  }
  Schedule();
}

void TextPipeline::Schedule() {
  if (pool_->Continue([this] { Run(); })) return;
  std::shared_ptr<TextPipeline> self;  // may be the last reference: dropped after the lock
  std::lock_guard<std::mutex> lock(mutex_);
  self = std::move(waiting_self_);
}

void TextPipeline::Cancel(absl::Status reason) {
  std::shared_ptr<ServedModel> model;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // After the engine's end the id may already belong to another request.
    if (engine_done_) return;
    model = model_;
  }
  model->engine->Cancel(options_.request_id, std::move(reason));
}

void TextPipeline::Run() {
  std::shared_ptr<TextPipeline> self;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    self = std::move(waiting_self_);
    turn_.swap(events_);
  }
  GenerationDelta delta;
  const Done* done = nullptr;
  for (Event& event : turn_) {
    if (auto* token = std::get_if<Token>(&event)) {
      Process(std::move(*token), &delta);
    } else if (auto* finish = std::get_if<SampleFinish>(&event)) {
      Process(*finish, &delta);
    } else if (auto* prompt = std::get_if<std::vector<TokenRecord>>(&event)) {
      DeliverPrompt(std::move(*prompt));
    } else {
      done = &std::get<Done>(event);
    }
  }
  Deliver(std::move(delta));
  if (done != nullptr) {
    Finish(*done);
    return;
  }
  turn_.clear();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (events_.empty()) {
      scheduled_ = false;
      return;
    }
    waiting_self_ = std::move(self);
  }
  Schedule();
}

void TextPipeline::Process(Token token, GenerationDelta* delta) {
  SampleState& state = samples_[static_cast<size_t>(token.sample)];
  ++state.num_engine_tokens;
  if (state.ended) return;
  SampleDelta* out = EntryOf(token.sample, delta);
  const int32_t id = token.record.token;
  ++state.num_tokens;
  state.last_token = id;
  out->token_ids.push_back(id);
  if (token.record.has_logprob) out->logprobs.push_back(Scored(token.record));
  // The engine masks stop ids before min_tokens, so one that arrives is the end; its text stays hidden.
  const auto& stops = options_.stop_token_ids;
  if (std::binary_search(stops.begin(), stops.end(), id)) return;
  if (!state.detokenizer.has_value()) return;
  MatchStops(token.sample, state.detokenizer->Push(id), state.num_tokens > options_.min_tokens, out);
}

void TextPipeline::MatchStops(int32_t sample, const std::string& text, bool look_for_stops, SampleDelta* out) {
  SampleState& state = samples_[static_cast<size_t>(sample)];
  if (text.empty()) return;
  if (!state.matcher.has_value() || !look_for_stops) {
    Emit(sample, text, out);
    return;
  }
  StopMatcher::Output output = state.matcher->Push(text);
  Emit(sample, output.emit, out);
  if (!output.matched_stop.has_value()) return;
  SampleEnd end;
  end.reason = FinishReason::kStopString;
  end.stop_string = options_.stop_strings[*output.matched_stop];
  EndSample(sample, std::move(end), out);
}

void TextPipeline::Emit(int32_t sample, const std::string& text, SampleDelta* out) {
  if (text.empty()) return;
  out->text += text;
  SampleState& state = samples_[static_cast<size_t>(sample)];
  if (state.reply != nullptr) AddMessage(sample, state.reply->Push(text), out);
}

void TextPipeline::AddMessage(int32_t sample, ReplyDelta message, SampleDelta* out) {
  if (message.empty()) return;
  SampleState& state = samples_[static_cast<size_t>(sample)];
  if (!out->message.has_value()) out->message.emplace();
  out->message->content += message.content;
  out->message->reasoning += message.reasoning;
  for (ReplyToolCall& call : message.tool_calls) {
    if (call.id.empty()) call.id = MakeToolCallId(options_.request_id, sample, state.num_tool_calls);
    ++state.num_tool_calls;
    out->message->tool_calls.push_back(std::move(call));
  }
}

void TextPipeline::EndSample(int32_t sample, SampleEnd end, SampleDelta* out) {
  SampleState& state = samples_[static_cast<size_t>(sample)];
  state.ended = true;
  if (state.reply != nullptr) AddMessage(sample, state.reply->Finish(), out);
  const bool stop_engine = end.reason == FinishReason::kStopString;
  out->end = std::move(end);
  if (!stop_engine) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (engine_done_) return;
  }
  // model_ is reset by Finish only, which comes after this on the same chain of tasks.
  model_->engine->StopSample(options_.request_id, sample);
}

void TextPipeline::Process(const SampleFinish& finish, GenerationDelta* delta) {
  SampleState& state = samples_[static_cast<size_t>(finish.sample)];
  if (state.ended || finish.reason == FinishReason::kCancelled) return;
  SampleDelta* out = EntryOf(finish.sample, delta);
  if (state.detokenizer.has_value()) {
    MatchStops(finish.sample, state.detokenizer->Finish(), state.num_tokens > options_.min_tokens, out);
    if (state.ended) return;
    if (state.matcher.has_value()) Emit(finish.sample, state.matcher->Finish(), out);
  }
  SampleEnd end;
  end.reason = finish.reason;
  if (finish.reason == FinishReason::kStopToken) end.stop_token_id = state.last_token;
  EndSample(finish.sample, std::move(end), out);
}

void TextPipeline::DeliverPrompt(std::vector<TokenRecord> prompt) {
  for (size_t begin = 0; begin < prompt.size(); begin += kPromptPieceTokens) {
    const size_t end = std::min(prompt.size(), begin + kPromptPieceTokens);
    GenerationDelta piece;
    piece.prompt_logprobs.reserve(end - begin);
    for (size_t i = begin; i < end; ++i) piece.prompt_logprobs.push_back(Scored(prompt[i]));
    Deliver(std::move(piece));
  }
}

void TextPipeline::Deliver(GenerationDelta delta) {
  if (delta.empty() || !refused_.ok()) return;
  refused_ = sink_->OnDelta(std::move(delta));
  if (!refused_.ok()) Cancel(refused_);
}

void TextPipeline::Finish(const Done& done) {
  GenerationSummary summary;
  summary.request_id = options_.request_id;
  summary.engine = done.summary;
  summary.seed = options_.seed;
  summary.execution.weights_format = model_->engine->model().weights_format;
  summary.execution.isa = model_->engine->device().isa;
  summary.execution.numeric_contract = model_->engine->device().numeric_contract;
  const std::string& kv_dtype = model_->engine->model().kv_dtype;
  if (kv_dtype == "bf16") summary.execution.lossy_options.push_back("engine.kv_dtype=" + kv_dtype);
  int32_t longest = 0;
  for (const SampleState& sample : samples_) {
    summary.generated_tokens += sample.num_tokens;
    longest = std::max(longest, sample.num_engine_tokens);
  }
  if (longest > 1) summary.per_token_us = done.summary.decode_us / (longest - 1);
  summary.total_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - options_.arrival)
          .count();
  // Released here, on a text thread: were the engine's the last reference to this sink, the engine thread would destroy
  // the model and with it wait for itself.
  std::shared_ptr<ServedModel> model;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    model = std::move(model_);
  }
  for (SampleState& sample : samples_) sample.detokenizer.reset();
  sink_->OnDone(refused_.ok() ? done.status : refused_, summary);
}

TokenScore TextPipeline::Score(const TokenLogprob& logprob) const {
  TokenScore score;
  score.token_id = logprob.token;
  score.logprob = logprob.logprob;
  score.rank = logprob.rank;
  if (const Tokenizer* tokenizer = model_->text.tokenizer.get()) {
    score.text = tokenizer->TokenText(logprob.token);
    score.bytes = tokenizer->TokenBytes(logprob.token);
  }
  return score;
}

ScoredToken TextPipeline::Scored(const TokenRecord& record) const {
  ScoredToken scored;
  scored.has_logprob = record.has_logprob;
  TokenLogprob own = record.logprob;
  own.token = record.token;
  scored.token = Score(own);
  scored.top.reserve(record.top.size());
  for (const TokenLogprob& alternative : record.top) scored.top.push_back(Score(alternative));
  return scored;
}

}  // namespace foregate
