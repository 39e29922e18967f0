#include "server/rpc/response_writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "foregate/inference/v1/inference.pb.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

wire::FinishReason WireReason(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStopToken:
      return wire::FINISH_REASON_STOP_TOKEN;
    case FinishReason::kStopString:
      return wire::FINISH_REASON_STOP_STRING;
    case FinishReason::kLength:
      return wire::FINISH_REASON_LENGTH;
    case FinishReason::kCancelled:
      break;  // such a request ends with a status, never with a reply
  }
  FOREGATE_CHECK(false);
}

void Write(TokenScore score, wire::TokenLogprob* out) {
  out->set_token_id(score.token_id);
  out->set_text(std::move(score.text));
  out->set_token_bytes(std::move(score.bytes));
  out->set_logprob(score.logprob);
  out->set_rank(score.rank);
}

void Write(ScoredToken token, wire::TokenLogprobs* out) {
  if (token.has_logprob) out->set_has_logprob(true);
  Write(std::move(token.token), out->mutable_token());
  for (TokenScore& alternative : token.top) Write(std::move(alternative), out->add_top());
}

void Write(ReplyDelta message, wire::AssistantMessage* out) {
  out->set_content(std::move(message.content));
  out->set_reasoning_content(std::move(message.reasoning));
  for (ReplyToolCall& call : message.tool_calls) {
    wire::ToolCall* wire_call = out->add_tool_calls();
    wire_call->set_id(std::move(call.id));
    wire_call->set_name(std::move(call.name));
    wire_call->set_arguments_json(std::move(call.arguments));
  }
}

// wire::Sample and wire::SampleDelta have the same fields.
template <typename WireSample>
void Write(SampleDelta delta, WireSample* out) {
  out->set_index(delta.index);
  out->set_text(std::move(delta.text));
  out->mutable_token_ids()->Add(delta.token_ids.begin(), delta.token_ids.end());
  for (ScoredToken& token : delta.logprobs) Write(std::move(token), out->add_logprobs());
  if (delta.message.has_value()) Write(*std::move(delta.message), out->mutable_message());
  if (!delta.end.has_value()) return;
  out->set_finish_reason(WireReason(delta.end->reason));
  if (delta.end->reason == FinishReason::kStopString) out->set_stop_string(std::move(delta.end->stop_string));
  if (delta.end->reason == FinishReason::kStopToken) out->set_stop_token_id(delta.end->stop_token_id);
}

void Write(const GenerationSummary& summary, wire::RequestSummary* out) {
  const RequestSummary& engine = summary.engine;
  out->set_request_id(summary.request_id);
  out->mutable_usage()->set_prompt_tokens(engine.num_prompt_tokens);
  out->mutable_usage()->set_cached_tokens(engine.num_cached_tokens);
  out->mutable_usage()->set_generated_tokens(summary.generated_tokens);
  wire::Timings* timings = out->mutable_timings();
  timings->set_queue_us(engine.queue_us);
  timings->set_prefill_us(engine.prefill_us);
  timings->set_first_token_us(engine.first_token_us);
  timings->set_per_token_us(summary.per_token_us);
  timings->set_total_us(summary.total_us);
  out->set_seed(summary.seed);
  wire::ExecutionMode* execution = out->mutable_execution();
  execution->set_weights_format(summary.execution.weights_format);
  execution->set_isa(summary.execution.isa);
  execution->set_numeric_contract(summary.execution.numeric_contract);
  for (const std::string& option : summary.execution.lossy_options) execution->add_lossy_options(option);
  execution->set_pre_gate_source(wire::PRE_GATE_SOURCE_NONE);
  const ExpertCounts& experts = engine.experts;
  const size_t num_experts = static_cast<size_t>(experts.num_experts);
  for (size_t i = 0; i < experts.layers.size(); ++i) {
    wire::LayerExpertCounts* layer = out->add_experts();
    layer->set_layer(experts.layers[i]);
    const uint64_t* row = experts.counts.data() + i * num_experts;
    layer->mutable_counts()->Add(row, row + num_experts);
  }
  out->set_preemptions(engine.num_preemptions);
}

template <typename Response>
void WriteStream(GenerationDelta delta, const GenerationSummary* summary, Response* response) {
  for (SampleDelta& sample : delta.samples) Write(std::move(sample), response->add_deltas());
  for (ScoredToken& token : delta.prompt_logprobs) Write(std::move(token), response->add_prompt_logprobs());
  if (summary != nullptr) Write(*summary, response->mutable_summary());
}

template <typename Response>
void WriteUnary(GenerationDelta all, const GenerationSummary& summary, Response* response) {
  for (SampleDelta& sample : all.samples) Write(std::move(sample), response->add_samples());
  for (ScoredToken& token : all.prompt_logprobs) Write(std::move(token), response->add_prompt_logprobs());
  Write(summary, response->mutable_summary());
}

}  // namespace

void WriteDelta(GenerationDelta delta, const GenerationSummary* summary, wire::GenerateStreamResponse* response) {
  WriteStream(std::move(delta), summary, response);
}

void WriteDelta(GenerationDelta delta, const GenerationSummary* summary, wire::ChatStreamResponse* response) {
  WriteStream(std::move(delta), summary, response);
}

void WriteResult(GenerationDelta all, const GenerationSummary& summary, wire::GenerateResponse* response) {
  WriteUnary(std::move(all), summary, response);
}

void WriteResult(GenerationDelta all, const GenerationSummary& summary, wire::ChatResponse* response) {
  WriteUnary(std::move(all), summary, response);
}

}  // namespace foregate
