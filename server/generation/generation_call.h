// GenerationCall: what a caller asks for, in our own words, whatever transport brought it; and the typed deltas that
// answer it. Values only.
#ifndef FOREGATE_SERVER_GENERATION_GENERATION_CALL_H_
#define FOREGATE_SERVER_GENERATION_GENERATION_CALL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/request/generation_request.h"
#include "server/text/chat_prompt.h"

namespace foregate {

struct TextPrompt {
  std::string text;
  bool add_special_tokens = true;
};

struct TokenPrompt {
  std::vector<int32_t> ids;
};

using Prompt = std::variant<TextPrompt, TokenPrompt, ChatPrompt>;

// Unset: the model's generation_config.json, else the default in inference.proto.
struct SamplingChoice {
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  std::optional<float> presence_penalty;
  std::optional<float> frequency_penalty;
  std::vector<std::pair<int32_t, float>> logit_bias;  // ascending ids
  std::optional<uint64_t> seed;
};

struct StopChoice {
  std::optional<int32_t> max_tokens;
  std::optional<int32_t> min_tokens;
  std::vector<std::string> stop_strings;
  std::vector<int32_t> stop_token_ids;
  bool ignore_eos = false;
  bool include_stop_string = false;
};

struct OutputChoice {
  std::optional<int32_t> logprobs;         // unset: none
  std::optional<int32_t> prompt_logprobs;  // unset: none
  bool skip_special_tokens = true;
  bool expert_stats = false;
};

struct GenerationCall {
  std::string request_id;
  std::string model;  // empty: the served one
  Prompt prompt;
  std::string reply_format;  // of a chat: a name that ReplyFormat::Find knows; empty: the served model's
  SamplingChoice sampling;
  StopChoice stop;
  OutputChoice output;
  int32_t num_samples = 1;
  int32_t priority = 0;
  std::string cache_salt;
  SteadyTime deadline = SteadyTime::max();
  SteadyTime arrival = {};
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_GENERATION_CALL_H_
