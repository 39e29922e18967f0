#include "server/generation/generation_service.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"
#include "server/generation/request_limits.h"
#include "server/generation/served_text.h"
#include "server/generation/status_details.h"
#include "server/generation/text_pipeline.h"

namespace foregate {
namespace {

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

const char* PromptField(const Prompt& prompt) {
  if (std::holds_alternative<TextPrompt>(prompt)) return "text";
  if (std::holds_alternative<TokenPrompt>(prompt)) return "token_ids.ids";
  return "conversation";
}

// What a reply parser needs to know of the prompt; the longest opening of a turn has a few dozen bytes.
constexpr size_t kPromptEndBytes = 512;

// `prompt_end` is filled for conversations.
absl::StatusOr<std::vector<int32_t>> PromptIds(const ServedModel& model, Prompt* prompt, std::string* prompt_end) {
  const int32_t vocab_size = model.engine->model().vocab_size;
  std::vector<int32_t> ids;
  if (auto* tokens = std::get_if<TokenPrompt>(prompt)) {
    FOREGATE_RETURN_IF_ERROR(ValidateTokenIds(tokens->ids, vocab_size, "token_ids.ids"));
    return std::move(tokens->ids);
  }
  if (const auto* text = std::get_if<TextPrompt>(prompt)) {
    FOREGATE_RETURN_IF_ERROR(RequireTokenizer(model.text, "a text prompt"));
    FOREGATE_ASSIGN_OR_RETURN(ids, EncodeField(model.text, text->text, text->add_special_tokens, "text"));
  } else {
    FOREGATE_ASSIGN_OR_RETURN(RenderedPrompt rendered, RenderConversation(model.text, std::get<ChatPrompt>(*prompt)));
    ids = std::move(rendered.token_ids);
    if (rendered.text.size() > kPromptEndBytes) rendered.text.erase(0, rendered.text.size() - kPromptEndBytes);
    *prompt_end = std::move(rendered.text);
  }
  // A normalizer may delete everything that was sent.
  if (ids.empty()) return InvalidField(PromptField(*prompt), "the prompt has no tokens");
  const auto outside = std::find_if(ids.begin(), ids.end(), [&](int32_t id) { return id >= vocab_size; });
  if (outside != ids.end()) {
    return absl::FailedPreconditionError("the checkpoint's tokenizer gives id " + std::to_string(*outside) +
                                         ", outside its model's vocabulary of " + std::to_string(vocab_size));
  }
  return ids;
}

// The request's value, else the checkpoint's recommendation, else the default of inference.proto, which
// engine/request/sampling_params.h holds.
absl::StatusOr<SamplingParams> ResolveSampling(const GenerationCall& call, const GenerationDefaults& defaults,
                                               int32_t vocab_size) {
  const SamplingChoice& choice = call.sampling;
  SamplingParams sampling;
  const auto resolve = [](const auto& chosen, const auto& recommended, auto* value) {
    using T = std::remove_pointer_t<decltype(value)>;
    if (chosen.has_value()) {
      *value = *chosen;
    } else if (recommended.has_value()) {
      *value = static_cast<T>(*recommended);
    }
  };
  std::optional<double> temperature = defaults.temperature;
  // transformers' do_sample: false is its way to say greedy.
  if (defaults.do_sample == false) temperature = 0.0;
  const std::optional<float> nothing;
  resolve(choice.temperature, temperature, &sampling.temperature);
  resolve(choice.top_k, defaults.top_k, &sampling.top_k);
  resolve(choice.top_p, defaults.top_p, &sampling.top_p);
  resolve(choice.min_p, defaults.min_p, &sampling.min_p);
  resolve(choice.repetition_penalty, defaults.repetition_penalty, &sampling.repetition_penalty);
  resolve(choice.presence_penalty, nothing, &sampling.presence_penalty);
  resolve(choice.frequency_penalty, nothing, &sampling.frequency_penalty);
  FOREGATE_RETURN_IF_ERROR(ValidateResolvedSampling(sampling));
  for (const auto& [id, bias] : choice.logit_bias) {
    if (id < 0 || id >= vocab_size) {
      return InvalidField("options.sampling.logit_bias[" + std::to_string(id) + "]",
                          "the id must be in [0, " + std::to_string(vocab_size) + "), the vocabulary");
    }
  }
  sampling.logit_bias = choice.logit_bias;
  sampling.seed = choice.seed.has_value() ? *choice.seed : RandomSeed();
  const auto alternatives = [&](const std::optional<int32_t>& n) { return n ? std::min(*n, vocab_size) : -1; };
  sampling.num_logprobs = alternatives(call.output.logprobs);
  sampling.num_prompt_logprobs = alternatives(call.output.prompt_logprobs);
  return sampling;
}

absl::Status ResolveLength(const GenerationCall& call, int32_t max_sequence_tokens, GenerationRequest* request) {
  const int64_t num_prompt_tokens = static_cast<int64_t>(request->prompt.size());
  const int64_t room = max_sequence_tokens - num_prompt_tokens;
  if (room < 1) {
    return WithReason(
        InvalidField(PromptField(call.prompt), "prompt too long: " + std::to_string(num_prompt_tokens) +
                                                   " tokens, limit " + std::to_string(max_sequence_tokens - 1)),
        reason::kPromptTooLong);
  }
  request->max_tokens =
      static_cast<int32_t>(std::min<int64_t>(room, call.stop.max_tokens.value_or(max_sequence_tokens)));
  request->min_tokens = call.stop.min_tokens.value_or(0);
  if (request->min_tokens > request->max_tokens) {
    return InvalidField("options.stop.min_tokens",
                        std::to_string(request->min_tokens) + " exceeds the most tokens that this request can get, " +
                            std::to_string(request->max_tokens) + " (max_tokens, or what the context of " +
                            std::to_string(max_sequence_tokens) + " leaves)");
  }
  return absl::OkStatus();
}

absl::Status ResolveStops(const GenerationCall& call, const ServedModel& model, GenerationRequest* request) {
  const int32_t vocab_size = model.engine->model().vocab_size;
  if (!call.stop.stop_strings.empty()) FOREGATE_RETURN_IF_ERROR(RequireTokenizer(model.text, "a stop string"));
  FOREGATE_RETURN_IF_ERROR(ValidateTokenIds(call.stop.stop_token_ids, vocab_size, "options.stop.stop_token_ids"));
  std::vector<int32_t>& stops = request->stop_token_ids;
  stops = call.stop.stop_token_ids;
  if (!call.stop.ignore_eos) {
    for (int32_t id : model.text.eos_token_ids) {
      if (id >= 0 && id < vocab_size) stops.push_back(id);
    }
  }
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  return absl::OkStatus();
}

// The format that a conversation asks for, else the served model's; null for a prompt that is none.
absl::StatusOr<const ReplyFormat*> ResolveReplyFormat(const GenerationCall& call, const ServedModel& model) {
  if (!std::holds_alternative<ChatPrompt>(call.prompt)) return nullptr;
  if (call.reply_format.empty()) return model.reply_format;
  absl::StatusOr<const ReplyFormat*> format = ReplyFormat::Find(call.reply_format);
  if (!format.ok()) return InvalidField("reply_format", std::string(format.status().message()));
  return format;
}

absl::StatusOr<GenerationRequest> ResolveRequest(const ServedModel& model, GenerationCall* call,
                                                 std::string* prompt_end) {
  GenerationRequest request;
  FOREGATE_RETURN_IF_ERROR(CheckModelName(model.name, call->model));
  FOREGATE_ASSIGN_OR_RETURN(request.sampling,
                            ResolveSampling(*call, model.text.defaults, model.engine->model().vocab_size));
  FOREGATE_RETURN_IF_ERROR(ResolveStops(*call, model, &request));
  FOREGATE_ASSIGN_OR_RETURN(request.prompt, PromptIds(model, &call->prompt, prompt_end));
  FOREGATE_RETURN_IF_ERROR(ResolveLength(*call, model.engine->options().max_sequence_tokens, &request));
  request.id = call->request_id;
  request.num_samples = call->num_samples;
  request.priority = call->priority;
  request.deadline = call->deadline;
  request.arrival = call->arrival;
  request.cache_salt = call->cache_salt;
  request.want_expert_stats = call->output.expert_stats;
  return request;
}

}  // namespace

absl::StatusOr<std::shared_ptr<RunningGeneration>> StartGeneration(std::shared_ptr<ServedModel> model,
                                                                   GenerationCall call, TextPool* pool,
                                                                   std::shared_ptr<DeltaSink> sink) {
  TextPipelineOptions options;
  FOREGATE_ASSIGN_OR_RETURN(options.reply_format, ResolveReplyFormat(call, *model));
  FOREGATE_ASSIGN_OR_RETURN(GenerationRequest request, ResolveRequest(*model, &call, &options.prompt_end));
  if (auto* conversation = std::get_if<ChatPrompt>(&call.prompt)) options.tools = std::move(conversation->tools);
  options.request_id = request.id;
  options.num_samples = request.num_samples;
  options.min_tokens = request.min_tokens;
  options.stop_token_ids = request.stop_token_ids;
  options.stop_strings = std::move(call.stop.stop_strings);
  options.include_stop_string = call.stop.include_stop_string;
  options.skip_special_tokens = call.output.skip_special_tokens;
  options.seed = request.sampling.seed;
  options.arrival = request.arrival;
  auto pipeline = std::make_shared<TextPipeline>(std::move(options), model, pool, std::move(sink));
  FOREGATE_RETURN_IF_ERROR(model->engine->Submit(std::move(request), pipeline));
  return std::shared_ptr<RunningGeneration>(std::move(pipeline));
}

}  // namespace foregate
