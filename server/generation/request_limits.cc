#include "server/generation/request_limits.h"

#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "kernels/base/status_macros.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

std::string Text(float value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.9g", static_cast<double>(value));
  return buffer;
}
std::string Text(int64_t value) { return std::to_string(value); }

// `inside` decides, so that NaN, which compares false with everything, is refused.
template <typename T>
absl::Status Expect(bool inside, const char* field, const char* bounds, T value) {
  if (inside) return absl::OkStatus();
  return InvalidField(field, std::string("must be ") + bounds + ", got " + Text(value));
}

bool IsTemperature(float v) { return v >= 0 && std::isfinite(v); }
bool IsTopP(float v) { return v > 0 && v <= 1; }
bool IsMinP(float v) { return v >= 0 && v <= 1; }
bool IsRepetitionPenalty(float v) { return v > 0 && std::isfinite(v); }
bool IsPenalty(float v) { return std::fabs(v) <= kMaxPenaltyMagnitude; }

template <typename T>
absl::Status ExpectIfSet(const std::optional<T>& value, bool (*inside)(T), const char* field, const char* bounds) {
  return value.has_value() ? Expect(inside(*value), field, bounds, *value) : absl::OkStatus();
}

absl::Status ValidateSampling(const SamplingChoice& s) {
  FOREGATE_RETURN_IF_ERROR(
      ExpectIfSet(s.temperature, IsTemperature, "options.sampling.temperature", "finite and at least 0"));
  FOREGATE_RETURN_IF_ERROR(
      Expect(s.top_k.value_or(0) >= 0, "options.sampling.top_k", "at least 0 (0: all)", int64_t{s.top_k.value_or(0)}));
  FOREGATE_RETURN_IF_ERROR(ExpectIfSet(s.top_p, IsTopP, "options.sampling.top_p", "in (0, 1]"));
  FOREGATE_RETURN_IF_ERROR(ExpectIfSet(s.min_p, IsMinP, "options.sampling.min_p", "in [0, 1]"));
  FOREGATE_RETURN_IF_ERROR(ExpectIfSet(s.repetition_penalty, IsRepetitionPenalty, "options.sampling.repetition_penalty",
                                       "finite and greater than 0"));
  FOREGATE_RETURN_IF_ERROR(
      ExpectIfSet(s.presence_penalty, IsPenalty, "options.sampling.presence_penalty", "in [-2, 2]"));
  FOREGATE_RETURN_IF_ERROR(
      ExpectIfSet(s.frequency_penalty, IsPenalty, "options.sampling.frequency_penalty", "in [-2, 2]"));
  if (s.logit_bias.size() > static_cast<size_t>(kMaxLogitBias)) {
    return InvalidField("options.sampling.logit_bias", "at most " + std::to_string(kMaxLogitBias) + " entries, got " +
                                                           std::to_string(s.logit_bias.size()));
  }
  for (const auto& [id, bias] : s.logit_bias) {
    const std::string field = "options.sampling.logit_bias[" + std::to_string(id) + "]";
    FOREGATE_RETURN_IF_ERROR(Expect(std::fabs(bias) <= kMaxLogitBiasMagnitude, field.c_str(), "in [-100, 100]", bias));
  }
  return absl::OkStatus();
}

absl::Status ValidateStop(const StopChoice& stop) {
  FOREGATE_RETURN_IF_ERROR(Expect(stop.max_tokens.value_or(1) >= 1, "options.stop.max_tokens", "at least 1",
                                  int64_t{stop.max_tokens.value_or(1)}));
  FOREGATE_RETURN_IF_ERROR(Expect(stop.min_tokens.value_or(0) >= 0, "options.stop.min_tokens", "at least 0",
                                  int64_t{stop.min_tokens.value_or(0)}));
  if (stop.stop_strings.size() > static_cast<size_t>(kMaxStopStrings)) {
    return InvalidField("options.stop.stop_strings", "at most " + std::to_string(kMaxStopStrings) + ", got " +
                                                         std::to_string(stop.stop_strings.size()));
  }
  for (size_t i = 0; i < stop.stop_strings.size(); ++i) {
    const size_t bytes = stop.stop_strings[i].size();
    if (bytes < 1 || bytes > kMaxStopStringBytes) {
      return InvalidField(
          "options.stop.stop_strings[" + std::to_string(i) + "]",
          "must have 1 to " + std::to_string(kMaxStopStringBytes) + " bytes, got " + std::to_string(bytes));
    }
  }
  if (stop.stop_token_ids.size() > static_cast<size_t>(kMaxStopTokenIds)) {
    return InvalidField("options.stop.stop_token_ids", "at most " + std::to_string(kMaxStopTokenIds) + ", got " +
                                                           std::to_string(stop.stop_token_ids.size()));
  }
  return absl::OkStatus();
}

absl::Status ValidateOutput(const OutputChoice& output) {
  const auto inside = [](int32_t n) { return n >= 0 && n <= kMaxLogprobs; };
  FOREGATE_RETURN_IF_ERROR(Expect(inside(output.logprobs.value_or(0)), "options.output.logprobs", "in [0, 20]",
                                  int64_t{output.logprobs.value_or(0)}));
  return Expect(inside(output.prompt_logprobs.value_or(0)), "options.output.prompt_logprobs", "in [0, 20]",
                int64_t{output.prompt_logprobs.value_or(0)});
}

absl::Status ValidatePrompt(const Prompt& prompt) {
  if (const auto* text = std::get_if<TextPrompt>(&prompt)) {
    if (text->text.empty()) return InvalidField("text", "the prompt is empty");
  } else if (const auto* tokens = std::get_if<TokenPrompt>(&prompt)) {
    if (tokens->ids.empty()) return InvalidField("token_ids.ids", "the prompt is empty");
  } else if (std::get<ChatPrompt>(prompt).messages.empty()) {
    return InvalidField("conversation.messages", "at least one message is needed");
  }
  return absl::OkStatus();
}

absl::Status BadDefault(const char* key, const char* bounds, const std::string& value) {
  return WithReason(
      absl::FailedPreconditionError(std::string("generation_config.json of the served model: ") + key + " must be " +
                                    bounds + ", is " + value + "; set options.sampling." + key + " in the request"),
      reason::kModelDefaults);
}

}  // namespace

absl::Status ValidateCall(const GenerationCall& call) {
  FOREGATE_RETURN_IF_ERROR(ValidatePrompt(call.prompt));
  FOREGATE_RETURN_IF_ERROR(ValidateSampling(call.sampling));
  FOREGATE_RETURN_IF_ERROR(ValidateStop(call.stop));
  FOREGATE_RETURN_IF_ERROR(ValidateOutput(call.output));
  FOREGATE_RETURN_IF_ERROR(Expect(call.num_samples >= 1 && call.num_samples <= kMaxSamples, "options.num_samples",
                                  "in [1, 16]", int64_t{call.num_samples}));
  FOREGATE_RETURN_IF_ERROR(Expect(call.priority >= -kMaxPriorityMagnitude && call.priority <= kMaxPriorityMagnitude,
                                  "options.priority", "in [-100, 100]", int64_t{call.priority}));
  if (call.cache_salt.size() > kMaxCacheSaltBytes) {
    return InvalidField("options.cache_salt", "at most " + std::to_string(kMaxCacheSaltBytes) + " bytes, got " +
                                                  std::to_string(call.cache_salt.size()));
  }
  return absl::OkStatus();
}

absl::Status ValidateResolvedSampling(const SamplingParams& s) {
  if (!IsTemperature(s.temperature)) return BadDefault("temperature", "finite and at least 0", Text(s.temperature));
  if (s.top_k < 0) return BadDefault("top_k", "at least 0", Text(int64_t{s.top_k}));
  if (!IsTopP(s.top_p)) return BadDefault("top_p", "in (0, 1]", Text(s.top_p));
  if (!IsMinP(s.min_p)) return BadDefault("min_p", "in [0, 1]", Text(s.min_p));
  if (!IsRepetitionPenalty(s.repetition_penalty)) {
    return BadDefault("repetition_penalty", "finite and greater than 0", Text(s.repetition_penalty));
  }
  return absl::OkStatus();
}

absl::Status ValidateTokenIds(const std::vector<int32_t>& ids, int32_t vocab_size, const std::string& field) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocab_size) continue;
    return InvalidField(field + "[" + std::to_string(i) + "]", "must be in [0, " + std::to_string(vocab_size) +
                                                                   "), the vocabulary, got " + std::to_string(ids[i]));
  }
  return absl::OkStatus();
}

}  // namespace foregate
