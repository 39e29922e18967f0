#include "server/rpc/request_parser.h"

#include <string>
#include <variant>

#include "foregate/inference/v1/inference.pb.h"
#include "gtest/gtest.h"
#include "server/generation/request_limits.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

TEST(RequestParserTest, UnsetFieldsStayUnset) {
  wire::GenerateRequest request;
  request.set_text("hello");
  const auto call = ParseRequest(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(std::get<TextPrompt>(call->prompt).text, "hello");
  EXPECT_TRUE(std::get<TextPrompt>(call->prompt).add_special_tokens);
  EXPECT_FALSE(call->sampling.temperature.has_value());
  EXPECT_FALSE(call->sampling.seed.has_value());
  EXPECT_FALSE(call->stop.max_tokens.has_value());
  EXPECT_FALSE(call->output.logprobs.has_value());
  EXPECT_TRUE(call->output.skip_special_tokens);
  EXPECT_EQ(call->num_samples, 1);
}

TEST(RequestParserTest, EveryFieldArrives) {
  wire::GenerateStreamRequest request;
  request.set_model("m");
  request.mutable_token_ids()->add_ids(3);
  wire::SamplingParams* sampling = request.mutable_options()->mutable_sampling();
  sampling->set_temperature(0.5f);
  sampling->set_top_k(4);
  sampling->set_top_p(0.9f);
  sampling->set_min_p(0.1f);
  sampling->set_repetition_penalty(1.1f);
  sampling->set_presence_penalty(0.2f);
  sampling->set_frequency_penalty(0.3f);
  (*sampling->mutable_logit_bias())[9] = 1.0f;
  (*sampling->mutable_logit_bias())[2] = -1.0f;
  sampling->set_seed(0);
  wire::StopConditions* stop = request.mutable_options()->mutable_stop();
  stop->set_max_tokens(10);
  stop->set_min_tokens(2);
  stop->add_stop_strings("stop");
  stop->add_stop_token_ids(5);
  stop->set_ignore_eos(true);
  stop->set_include_stop_string(true);
  wire::OutputOptions* output = request.mutable_options()->mutable_output();
  output->set_logprobs(0);
  output->set_prompt_logprobs(3);
  output->set_skip_special_tokens(false);
  output->set_expert_stats(true);
  request.mutable_options()->set_num_samples(2);
  request.mutable_options()->set_priority(-7);
  request.mutable_options()->set_cache_salt("tenant");

  const auto call = ParseRequest(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(call->model, "m");
  EXPECT_EQ(std::get<TokenPrompt>(call->prompt).ids, std::vector<int32_t>{3});
  EXPECT_EQ(call->sampling.temperature, 0.5f);
  EXPECT_EQ(call->sampling.top_k, 4);
  EXPECT_EQ(call->sampling.top_p, 0.9f);
  EXPECT_EQ(call->sampling.min_p, 0.1f);
  EXPECT_EQ(call->sampling.repetition_penalty, 1.1f);
  EXPECT_EQ(call->sampling.presence_penalty, 0.2f);
  EXPECT_EQ(call->sampling.frequency_penalty, 0.3f);
  EXPECT_EQ(call->sampling.logit_bias, (std::vector<std::pair<int32_t, float>>{{2, -1.0f}, {9, 1.0f}}));
  EXPECT_EQ(call->sampling.seed, 0u);
  EXPECT_EQ(call->stop.max_tokens, 10);
  EXPECT_EQ(call->stop.min_tokens, 2);
  EXPECT_EQ(call->stop.stop_strings, std::vector<std::string>{"stop"});
  EXPECT_EQ(call->stop.stop_token_ids, std::vector<int32_t>{5});
  EXPECT_TRUE(call->stop.ignore_eos);
  EXPECT_TRUE(call->stop.include_stop_string);
  EXPECT_EQ(call->output.logprobs, 0);
  EXPECT_EQ(call->output.prompt_logprobs, 3);
  EXPECT_FALSE(call->output.skip_special_tokens);
  EXPECT_TRUE(call->output.expert_stats);
  EXPECT_EQ(call->num_samples, 2);
  EXPECT_EQ(call->priority, -7);
  EXPECT_EQ(call->cache_salt, "tenant");
}

TEST(RequestParserTest, APromptIsNeeded) {
  EXPECT_EQ(FieldOf(ParseRequest(wire::GenerateRequest()).status()), "prompt");
  EXPECT_EQ(FieldOf(ParseRequest(wire::ChatRequest()).status()), "conversation.messages");
}

TEST(RequestParserTest, LimitsHoldForEveryKindOfRequest) {
  wire::ChatStreamRequest request;
  wire::ChatMessage* message = request.mutable_conversation()->add_messages();
  message->set_role(wire::ROLE_USER);
  message->set_content("hi");
  ASSERT_TRUE(ParseRequest(request).ok());
  request.mutable_options()->set_num_samples(kMaxSamples + 1);
  EXPECT_EQ(FieldOf(ParseRequest(request).status()), "options.num_samples");
}

TEST(RequestParserTest, AChatNamesItsReplyFormat) {
  wire::ChatRequest request;
  request.mutable_conversation()->add_messages()->set_role(wire::ROLE_USER);
  request.set_reply_format("hermes");
  const auto call = ParseRequest(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(call->reply_format, "hermes");
  EXPECT_TRUE(std::holds_alternative<ChatPrompt>(call->prompt));
}

}  // namespace
}  // namespace foregate
