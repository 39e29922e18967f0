#include "server/generation/request_limits.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

GenerationCall ValidCall() {
  GenerationCall call;
  call.prompt = TokenPrompt{{1, 2, 3}};
  return call;
}

struct Case {
  std::string field;
  std::function<void(GenerationCall*)> change;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(RequestLimitsTest, NamesEveryFieldAtFault) {
  const std::vector<Case> cases = {
      {"text", [](auto* c) { c->prompt = TextPrompt{}; }},
      {"token_ids.ids", [](auto* c) { c->prompt = TokenPrompt{}; }},
      {"conversation.messages", [](auto* c) { c->prompt = ChatPrompt{}; }},
      {"options.sampling.temperature", [](auto* c) { c->sampling.temperature = -0.1f; }},
      {"options.sampling.temperature", [](auto* c) { c->sampling.temperature = kNan; }},
      {"options.sampling.temperature", [](auto* c) { c->sampling.temperature = kInfinity; }},
      {"options.sampling.top_k", [](auto* c) { c->sampling.top_k = -1; }},
      {"options.sampling.top_p", [](auto* c) { c->sampling.top_p = 0.0f; }},
      {"options.sampling.top_p", [](auto* c) { c->sampling.top_p = 1.5f; }},
      {"options.sampling.top_p", [](auto* c) { c->sampling.top_p = kNan; }},
      {"options.sampling.min_p", [](auto* c) { c->sampling.min_p = -0.5f; }},
      {"options.sampling.min_p", [](auto* c) { c->sampling.min_p = kNan; }},
      {"options.sampling.repetition_penalty", [](auto* c) { c->sampling.repetition_penalty = 0.0f; }},
      {"options.sampling.repetition_penalty", [](auto* c) { c->sampling.repetition_penalty = kInfinity; }},
      {"options.sampling.presence_penalty", [](auto* c) { c->sampling.presence_penalty = 2.5f; }},
      {"options.sampling.presence_penalty", [](auto* c) { c->sampling.presence_penalty = kNan; }},
      {"options.sampling.frequency_penalty", [](auto* c) { c->sampling.frequency_penalty = -2.5f; }},
      {"options.sampling.logit_bias[7]",
       [](auto* c) {
         c->sampling.logit_bias = {{7, 101.0f}};
       }},
      {"options.sampling.logit_bias[7]",
       [](auto* c) {
         c->sampling.logit_bias = {{7, kNan}};
       }},
      {"options.sampling.logit_bias", [](auto* c) { c->sampling.logit_bias.resize(kMaxLogitBias + 1); }},
      {"options.stop.max_tokens", [](auto* c) { c->stop.max_tokens = 0; }},
      {"options.stop.min_tokens", [](auto* c) { c->stop.min_tokens = -1; }},
      {"options.stop.stop_strings", [](auto* c) { c->stop.stop_strings.assign(kMaxStopStrings + 1, "x"); }},
      {"options.stop.stop_strings[1]",
       [](auto* c) {
         c->stop.stop_strings = {"x", ""};
       }},
      {"options.stop.stop_strings[0]", [](auto* c) { c->stop.stop_strings = {std::string(257, 'x')}; }},
      {"options.stop.stop_token_ids", [](auto* c) { c->stop.stop_token_ids.assign(kMaxStopTokenIds + 1, 1); }},
      {"options.output.logprobs", [](auto* c) { c->output.logprobs = 21; }},
      {"options.output.logprobs", [](auto* c) { c->output.logprobs = -1; }},
      {"options.output.prompt_logprobs", [](auto* c) { c->output.prompt_logprobs = 21; }},
      {"options.num_samples", [](auto* c) { c->num_samples = 0; }},
      {"options.num_samples", [](auto* c) { c->num_samples = 17; }},
      {"options.priority", [](auto* c) { c->priority = 101; }},
      {"options.priority", [](auto* c) { c->priority = -101; }},
      {"options.cache_salt", [](auto* c) { c->cache_salt.assign(257, 's'); }},
  };
  ASSERT_TRUE(ValidateCall(ValidCall()).ok());
  for (const Case& c : cases) {
    GenerationCall call = ValidCall();
    c.change(&call);
    const absl::Status status = ValidateCall(call);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.field;
    EXPECT_EQ(FieldOf(status), c.field) << status;
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  }
}

TEST(RequestLimitsTest, BoundsThemselvesAreAccepted) {
  GenerationCall call = ValidCall();
  call.sampling = {.temperature = 0.0f,
                   .top_k = 0,
                   .top_p = 1.0f,
                   .min_p = 1.0f,
                   .repetition_penalty = 0.001f,
                   .presence_penalty = -2.0f,
                   .frequency_penalty = 2.0f,
                   .logit_bias = {{1, -100.0f}, {2, 100.0f}},
                   .seed = 0};
  call.stop.max_tokens = 1;
  call.stop.min_tokens = 0;
  call.stop.stop_strings.assign(kMaxStopStrings, std::string(kMaxStopStringBytes, 'x'));
  call.stop.stop_token_ids.assign(kMaxStopTokenIds, 1);
  call.output.logprobs = kMaxLogprobs;
  call.output.prompt_logprobs = 0;
  call.num_samples = kMaxSamples;
  call.priority = -kMaxPriorityMagnitude;
  call.cache_salt.assign(kMaxCacheSaltBytes, 's');
  EXPECT_TRUE(ValidateCall(call).ok()) << ValidateCall(call);
}

TEST(RequestLimitsTest, TokenIdsOutsideTheVocabularyAreNamedByIndex) {
  EXPECT_TRUE(ValidateTokenIds({0, 99}, 100, "token_ids.ids").ok());
  EXPECT_EQ(FieldOf(ValidateTokenIds({0, 100}, 100, "token_ids.ids")), "token_ids.ids[1]");
  EXPECT_EQ(FieldOf(ValidateTokenIds({-1}, 100, "token_ids.ids")), "token_ids.ids[0]");
}

TEST(RequestLimitsTest, BadRecommendationsOfTheCheckpointNameTheirKey) {
  SamplingParams sampling;
  EXPECT_TRUE(ValidateResolvedSampling(sampling).ok());
  sampling.top_p = 0.0f;
  const absl::Status status = ValidateResolvedSampling(sampling);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("top_p must be in (0, 1], is 0"), std::string::npos) << status;
  EXPECT_EQ(ReasonOf(status), "MODEL_DEFAULTS");
}

}  // namespace
}  // namespace foregate
