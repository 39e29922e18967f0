#include "server/rpc/request_parser.h"

#include <algorithm>
#include <optional>

#include "foregate/inference/v1/inference.pb.h"
#include "kernels/base/status_macros.h"
#include "server/generation/request_limits.h"
#include "server/generation/status_details.h"
#include "server/rpc/conversation_parser.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

template <typename T, typename U>
void CopyIfSet(bool is_set, const U& value, std::optional<T>* out) {
  if (is_set) *out = value;
}

SamplingChoice ParseSampling(const wire::SamplingParams& sampling) {
  SamplingChoice choice;
  CopyIfSet(sampling.has_temperature(), sampling.temperature(), &choice.temperature);
  CopyIfSet(sampling.has_top_k(), sampling.top_k(), &choice.top_k);
  CopyIfSet(sampling.has_top_p(), sampling.top_p(), &choice.top_p);
  CopyIfSet(sampling.has_min_p(), sampling.min_p(), &choice.min_p);
  CopyIfSet(sampling.has_repetition_penalty(), sampling.repetition_penalty(), &choice.repetition_penalty);
  CopyIfSet(sampling.has_presence_penalty(), sampling.presence_penalty(), &choice.presence_penalty);
  CopyIfSet(sampling.has_frequency_penalty(), sampling.frequency_penalty(), &choice.frequency_penalty);
  CopyIfSet(sampling.has_seed(), sampling.seed(), &choice.seed);
  choice.logit_bias.assign(sampling.logit_bias().begin(), sampling.logit_bias().end());
  std::sort(choice.logit_bias.begin(), choice.logit_bias.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return choice;
}

void ParseOptions(const wire::GenerationOptions& options, GenerationCall* call) {
  call->sampling = ParseSampling(options.sampling());
  const wire::StopConditions& stop = options.stop();
  CopyIfSet(stop.has_max_tokens(), stop.max_tokens(), &call->stop.max_tokens);
  CopyIfSet(stop.has_min_tokens(), stop.min_tokens(), &call->stop.min_tokens);
  call->stop.stop_strings.assign(stop.stop_strings().begin(), stop.stop_strings().end());
  call->stop.stop_token_ids.assign(stop.stop_token_ids().begin(), stop.stop_token_ids().end());
  call->stop.ignore_eos = stop.ignore_eos();
  call->stop.include_stop_string = stop.include_stop_string();
  const wire::OutputOptions& output = options.output();
  CopyIfSet(output.has_logprobs(), output.logprobs(), &call->output.logprobs);
  CopyIfSet(output.has_prompt_logprobs(), output.prompt_logprobs(), &call->output.prompt_logprobs);
  call->output.skip_special_tokens = !output.has_skip_special_tokens() || output.skip_special_tokens();
  call->output.expert_stats = output.expert_stats();
  if (options.has_num_samples()) call->num_samples = options.num_samples();
  call->priority = options.priority();
  call->cache_salt = options.cache_salt();
}

template <typename Request>
absl::StatusOr<GenerationCall> ParseGenerate(const Request& request) {
  GenerationCall call;
  call.model = request.model();
  switch (request.prompt_case()) {
    case Request::kText:
      call.prompt = TextPrompt{request.text(), !request.has_add_special_tokens() || request.add_special_tokens()};
      break;
    case Request::kTokenIds:
      call.prompt = TokenPrompt{{request.token_ids().ids().begin(), request.token_ids().ids().end()}};
      break;
    default:
      return InvalidField("prompt", "either text or token_ids is needed");
  }
  ParseOptions(request.options(), &call);
  FOREGATE_RETURN_IF_ERROR(ValidateCall(call));
  return call;
}

template <typename Request>
absl::StatusOr<GenerationCall> ParseChat(const Request& request) {
  GenerationCall call;
  call.model = request.model();
  call.reply_format = request.reply_format();
  FOREGATE_ASSIGN_OR_RETURN(call.prompt, ParseConversation(request.conversation()));
  ParseOptions(request.options(), &call);
  FOREGATE_RETURN_IF_ERROR(ValidateCall(call));
  return call;
}

}  // namespace

absl::StatusOr<GenerationCall> ParseRequest(const wire::GenerateRequest& request) { return ParseGenerate(request); }

absl::StatusOr<GenerationCall> ParseRequest(const wire::GenerateStreamRequest& request) {
  return ParseGenerate(request);
}

absl::StatusOr<GenerationCall> ParseRequest(const wire::ChatRequest& request) { return ParseChat(request); }

absl::StatusOr<GenerationCall> ParseRequest(const wire::ChatStreamRequest& request) { return ParseChat(request); }

}  // namespace foregate
