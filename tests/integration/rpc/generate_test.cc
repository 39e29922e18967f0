// Generation over real sockets: prompts of every kind, streams equal to unary replies, stops, samples,
// log-probabilities.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/generation/generation_delta.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/integration/rpc/data_server.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

constexpr char kTemplate[] =
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if tools %}tools: {{ tools[0].function.name }}\n{% endif %}"
    "{% if mood %}mood: {{ mood }}\n{% endif %}{% if add_generation_prompt %}assistant:{% endif %}";

wire::GenerateRequest IdsRequest(int max_tokens) {
  wire::GenerateRequest request;
  request.mutable_token_ids()->add_ids('h');
  request.mutable_token_ids()->add_ids('i');
  request.mutable_options()->mutable_stop()->set_max_tokens(max_tokens);
  return request;
}

wire::GenerateStreamRequest StreamOf(const wire::GenerateRequest& request) {
  wire::GenerateStreamRequest stream;
  EXPECT_TRUE(stream.ParseFromString(request.SerializeAsString()));
  return stream;
}

std::vector<int32_t> Ids(const google::protobuf::RepeatedField<int32_t>& ids) { return {ids.begin(), ids.end()}; }

// What a stream said, added up as inference.proto tells clients to.
struct Collected {
  grpc::Status status;
  wire::GenerateResponse reply;
  int num_summaries = 0;
  bool summary_was_last = true;
};

template <typename Reader, typename Response>
Collected Collect(Reader& reader, Response message) {
  Collected all;
  while (reader.Read(&message)) {
    all.summary_was_last = all.num_summaries == 0;
    all.num_summaries += message.has_summary();
    if (message.has_summary()) *all.reply.mutable_summary() = message.summary();
    all.reply.mutable_prompt_logprobs()->MergeFrom(message.prompt_logprobs());
    for (const wire::SampleDelta& delta : message.deltas()) {
      while (all.reply.samples_size() <= delta.index())
        all.reply.add_samples()->set_index(all.reply.samples_size() - 1);
      wire::Sample* sample = all.reply.mutable_samples(delta.index());
      EXPECT_EQ(sample->finish_reason(), wire::FINISH_REASON_UNSPECIFIED) << "a delta after the sample's last";
      sample->mutable_text()->append(delta.text());
      sample->mutable_token_ids()->MergeFrom(delta.token_ids());
      sample->mutable_logprobs()->MergeFrom(delta.logprobs());
      sample->set_finish_reason(delta.finish_reason());
      if (delta.has_stop_string()) sample->set_stop_string(delta.stop_string());
      if (delta.has_stop_token_id()) sample->set_stop_token_id(delta.stop_token_id());
    }
  }
  all.status = reader.Finish();
  return all;
}

Collected Stream(DataServer& server, const wire::GenerateRequest& request) {
  const auto context = NewContext();
  const auto reader = server.inference().GenerateStream(context.get(), StreamOf(request));
  return Collect(*reader, wire::GenerateStreamResponse());
}

grpc::Status Generate(DataServer& server, const wire::GenerateRequest& request, wire::GenerateResponse* reply) {
  return server.inference().Generate(NewContext().get(), request, reply);
}

TEST(GenerateTest, TokenIdsInAndOutWithoutATokenizer) {
  DataServer server({.has_tokenizer = false, .engine = {.script = {10, 11, 12}}});
  wire::GenerateResponse reply;
  const grpc::Status status = Generate(server, IdsRequest(5), &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(reply.samples_size(), 1);
  EXPECT_EQ(Ids(reply.samples(0).token_ids()), (std::vector<int32_t>{10, 11, 12, 10, 11}));
  EXPECT_EQ(reply.samples(0).text(), "");
  EXPECT_EQ(reply.samples(0).finish_reason(), wire::FINISH_REASON_LENGTH);
  EXPECT_EQ(reply.summary().usage().prompt_tokens(), 2);
  EXPECT_EQ(reply.summary().usage().generated_tokens(), 5);
  EXPECT_EQ(reply.summary().timings().per_token_us(), 250);
  EXPECT_GE(reply.summary().timings().total_us(), 0);
  EXPECT_EQ(reply.summary().execution().weights_format(), "f32");
  EXPECT_EQ(reply.summary().execution().isa(), "script");
  EXPECT_EQ(reply.summary().execution().numeric_contract(), "fake-v1");
  EXPECT_EQ(reply.summary().execution().pre_gate_source(), wire::PRE_GATE_SOURCE_NONE);
  EXPECT_EQ(reply.summary().execution().lossy_options_size(), 0);
  EXPECT_EQ(reply.summary().experts_size(), 0);
}

TEST(GenerateTest, TextPromptsAreTokenizedAndEndAtTheModelsEndToken) {
  DataServer server;
  server.engine().SetScript(ByteIds("caf\xC3\xA9"));
  wire::GenerateRequest request;
  request.set_text("hello");
  wire::GenerateResponse reply;
  auto script = ByteIds("caf\xC3\xA9");
  script.push_back(kByteEndToken);
  server.engine().SetScript(script);
  ASSERT_TRUE(Generate(server, request, &reply).ok());
  EXPECT_EQ(server.engine().submitted().at(0).prompt, ByteIds("hello"));
  EXPECT_EQ(reply.samples(0).text(), "caf\xC3\xA9");
  EXPECT_EQ(Ids(reply.samples(0).token_ids()), script);
  EXPECT_EQ(reply.samples(0).finish_reason(), wire::FINISH_REASON_STOP_TOKEN);
  EXPECT_EQ(reply.samples(0).stop_token_id(), kByteEndToken);
}

TEST(GenerateTest, StreamsEqualUnaryReplies) {
  DataServer server;
  server.engine().SetScript(ByteIds("na\xC3\xAFve \xE2\x82\xAC!"));
  wire::GenerateRequest request = IdsRequest(50);
  request.mutable_options()->set_num_samples(3);
  request.mutable_options()->mutable_sampling()->set_seed(42);
  request.mutable_options()->mutable_output()->set_logprobs(2);
  request.mutable_options()->mutable_output()->set_prompt_logprobs(1);
  request.mutable_options()->mutable_output()->set_expert_stats(true);
  wire::GenerateResponse unary;
  ASSERT_TRUE(Generate(server, request, &unary).ok());
  Collected stream = Stream(server, request);
  ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
  EXPECT_EQ(stream.num_summaries, 1);
  EXPECT_TRUE(stream.summary_was_last);
  for (wire::GenerateResponse* reply : {&unary, &stream.reply}) {
    reply->mutable_summary()->clear_request_id();
    reply->mutable_summary()->mutable_timings()->clear_total_us();
  }
  EXPECT_EQ(stream.reply.SerializeAsString(), unary.SerializeAsString());
  ASSERT_EQ(unary.samples_size(), 3);
  EXPECT_EQ(unary.samples(1).index(), 1);
  EXPECT_EQ(unary.samples(0).logprobs_size(), 50);
  EXPECT_EQ(unary.samples(0).logprobs(0).token().text(), "n");
  EXPECT_EQ(unary.samples(0).logprobs(2).token().token_bytes(), "\xC3");
  EXPECT_TRUE(unary.samples(0).logprobs(0).has_logprob());
  EXPECT_EQ(unary.samples(0).logprobs(0).top_size(), 2);
  ASSERT_EQ(unary.prompt_logprobs_size(), 2);
  EXPECT_FALSE(unary.prompt_logprobs(0).has_has_logprob());
  EXPECT_EQ(unary.prompt_logprobs(0).token().token_id(), 'h');
  EXPECT_EQ(unary.prompt_logprobs(1).top_size(), 1);
  ASSERT_EQ(unary.summary().experts_size(), 2);
  EXPECT_EQ(unary.summary().experts(1).layer(), 1);
  EXPECT_EQ(unary.summary().experts(1).counts(3), 8u);
  EXPECT_EQ(unary.summary().seed(), 42u);
}

TEST(GenerateTest, StopStringsAcrossTokensNeverLeak) {
  DataServer server;
  server.engine().SetScript(ByteIds("one STOP two "));
  wire::GenerateRequest request = IdsRequest(100);
  request.mutable_options()->mutable_stop()->add_stop_strings("nowhere");
  request.mutable_options()->mutable_stop()->add_stop_strings("STOP");
  const Collected stream = Stream(server, request);
  ASSERT_TRUE(stream.status.ok());
  EXPECT_EQ(stream.reply.samples(0).text(), "one ");
  EXPECT_EQ(Ids(stream.reply.samples(0).token_ids()), ByteIds("one STOP"));
  EXPECT_EQ(stream.reply.samples(0).finish_reason(), wire::FINISH_REASON_STOP_STRING);
  EXPECT_EQ(stream.reply.samples(0).stop_string(), "STOP");
  EXPECT_EQ(stream.reply.summary().usage().generated_tokens(), 8);

  request.mutable_options()->mutable_stop()->set_include_stop_string(true);
  wire::GenerateResponse unary;
  ASSERT_TRUE(Generate(server, request, &unary).ok());
  EXPECT_EQ(unary.samples(0).text(), "one STOP");
}

TEST(GenerateTest, ChatRendersTheTemplate) {
  DataServer server({.chat_template = kTemplate});
  server.engine().SetScript(ByteIds("ok"));
  wire::ChatRequest request;
  wire::ChatMessage* message = request.mutable_conversation()->add_messages();
  message->set_role(wire::ROLE_USER);
  message->set_content("hi");
  request.mutable_conversation()->add_tools()->set_name("weather");
  (*request.mutable_conversation()->mutable_template_arguments()->mutable_fields())["mood"].set_string_value("calm");
  request.mutable_options()->mutable_stop()->set_max_tokens(2);
  wire::ChatResponse reply;
  ASSERT_TRUE(server.inference().Chat(NewContext().get(), request, &reply).ok());
  EXPECT_EQ(reply.samples(0).text(), "ok");
  const std::string prompt = "user: hi\ntools: weather\nmood: calm\nassistant:";
  EXPECT_EQ(server.engine().submitted().at(0).prompt, ByteIds(prompt));

  wire::RenderChatRequest render;
  *render.mutable_conversation() = request.conversation();
  wire::RenderChatResponse rendered;
  ASSERT_TRUE(server.inference().RenderChat(NewContext().get(), render, &rendered).ok());
  EXPECT_EQ(rendered.text(), prompt);
  EXPECT_EQ(Ids(rendered.token_ids()), ByteIds(prompt));

  wire::ChatStreamRequest stream_request;
  ASSERT_TRUE(stream_request.ParseFromString(request.SerializeAsString()));
  const auto context = NewContext();
  const auto reader = server.inference().ChatStream(context.get(), stream_request);
  const Collected stream = Collect(*reader, wire::ChatStreamResponse());
  EXPECT_TRUE(stream.status.ok());
  EXPECT_EQ(stream.reply.samples(0).text(), "ok");
}

TEST(GenerateTest, ChatsGiveReasoningAndToolCalls) {
  DataServer server({.chat_template = kTemplate, .reply_format = "hermes"});
  const std::string call = R"(<tool_call>
{"name": "weather", "arguments": {"city": "Oslo", "days": 1.0}}
</tool_call>)";
  const std::string spoken = "<think>rain?</think>Let me see." + call;
  server.engine().SetScript(ByteIds(spoken));
  wire::ChatRequest request;
  wire::ChatMessage* message = request.mutable_conversation()->add_messages();
  message->set_role(wire::ROLE_USER);
  message->set_content("hi");
  request.mutable_options()->mutable_stop()->set_max_tokens(static_cast<int32_t>(spoken.size()));
  request.mutable_options()->set_num_samples(2);
  request.mutable_conversation()->add_tools()->set_name("weather");
  wire::ChatResponse reply;
  ASSERT_TRUE(server.inference().Chat(NewContext().get(), request, &reply).ok());
  ASSERT_EQ(reply.samples_size(), 2);
  EXPECT_EQ(reply.samples(0).text(), spoken);
  const wire::AssistantMessage& first = reply.samples(0).message();
  EXPECT_EQ(first.reasoning_content(), "rain?");
  EXPECT_EQ(first.content(), "Let me see.");
  ASSERT_EQ(first.tool_calls_size(), 1);
  EXPECT_EQ(first.tool_calls(0).name(), "weather");
  EXPECT_EQ(first.tool_calls(0).arguments_json(), R"({"city": "Oslo", "days": 1.0})");
  EXPECT_EQ(first.tool_calls(0).id().size(), 9u);
  EXPECT_NE(first.tool_calls(0).id(), reply.samples(1).message().tool_calls(0).id());

  wire::ChatStreamRequest stream_request;
  ASSERT_TRUE(stream_request.ParseFromString(request.SerializeAsString()));
  stream_request.mutable_options()->set_num_samples(1);
  const auto context = NewContext();
  const auto reader = server.inference().ChatStream(context.get(), stream_request);
  wire::AssistantMessage streamed;
  for (wire::ChatStreamResponse part; reader->Read(&part);) {
    for (const wire::SampleDelta& delta : part.deltas()) {
      streamed.set_content(streamed.content() + delta.message().content());
      streamed.set_reasoning_content(streamed.reasoning_content() + delta.message().reasoning_content());
      streamed.mutable_tool_calls()->MergeFrom(delta.message().tool_calls());
    }
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(streamed.content(), first.content());
  EXPECT_EQ(streamed.reasoning_content(), first.reasoning_content());
  ASSERT_EQ(streamed.tool_calls_size(), 1);
  EXPECT_EQ(streamed.tool_calls(0).arguments_json(), first.tool_calls(0).arguments_json());

  // Without tools in the conversation a call is text; a format by name wins over the server's.
  request.mutable_conversation()->clear_tools();
  ASSERT_TRUE(server.inference().Chat(NewContext().get(), request, &reply).ok());
  EXPECT_EQ(reply.samples(0).message().content(), "Let me see." + call);
  EXPECT_EQ(reply.samples(0).message().tool_calls_size(), 0);
  request.set_reply_format("plain");
  ASSERT_TRUE(server.inference().Chat(NewContext().get(), request, &reply).ok());
  EXPECT_EQ(reply.samples(0).message().content(), spoken);
  request.set_reply_format("nonsense");
  const grpc::Status refused = server.inference().Chat(NewContext().get(), request, &reply);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(refused).field, "reply_format");
}

TEST(GenerateTest, TokenizeAndDetokenizeAreInverse) {
  DataServer server;
  wire::TokenizeRequest tokenize;
  tokenize.set_text("a\xE2\x82\xAC");
  wire::TokenizeResponse tokens;
  ASSERT_TRUE(server.inference().Tokenize(NewContext().get(), tokenize, &tokens).ok());
  EXPECT_EQ(Ids(tokens.token_ids()), ByteIds("a\xE2\x82\xAC"));
  ASSERT_EQ(tokens.tokens_size(), 4);
  EXPECT_EQ(tokens.tokens(0), "a");
  EXPECT_EQ(tokens.tokens(1), "\xEF\xBF\xBD");
  wire::DetokenizeRequest detokenize;
  *detokenize.mutable_token_ids() = tokens.token_ids();
  detokenize.add_token_ids(kByteEndToken);
  wire::DetokenizeResponse text;
  ASSERT_TRUE(server.inference().Detokenize(NewContext().get(), detokenize, &text).ok());
  EXPECT_EQ(text.text(), std::string("a\xE2\x82\xAC") + kByteEndText);
  detokenize.set_skip_special_tokens(true);
  ASSERT_TRUE(server.inference().Detokenize(NewContext().get(), detokenize, &text).ok());
  EXPECT_EQ(text.text(), "a\xE2\x82\xAC");
}

TEST(GenerateTest, DefaultsComeFromTheCheckpointAndTheContext) {
  DataServerOptions options;
  options.defaults.do_sample = false;
  options.defaults.temperature = 0.7;
  options.defaults.top_k = 20;
  DataServer server(options);
  wire::GenerateRequest request;
  request.set_text("hello");
  request.mutable_options()->mutable_stop()->add_stop_token_ids(12);
  wire::GenerateResponse reply;
  ASSERT_TRUE(Generate(server, request, &reply).ok());
  const GenerationRequest submitted = server.engine().submitted().at(0);
  EXPECT_EQ(submitted.sampling.temperature, 0.0f);
  EXPECT_EQ(submitted.sampling.top_k, 20);
  EXPECT_EQ(submitted.sampling.top_p, 1.0f);
  EXPECT_EQ(submitted.max_tokens, 1024 - 5);
  EXPECT_EQ(submitted.stop_token_ids, (std::vector<int32_t>{12, kByteEndToken}));
  EXPECT_EQ(submitted.sampling.seed, reply.summary().seed());

  request.mutable_options()->mutable_sampling()->set_temperature(0.25f);
  request.mutable_options()->mutable_stop()->set_ignore_eos(true);
  wire::GenerateResponse second;
  ASSERT_TRUE(Generate(server, request, &second).ok());
  EXPECT_EQ(server.engine().submitted().at(1).sampling.temperature, 0.25f);
  EXPECT_EQ(server.engine().submitted().at(1).stop_token_ids, std::vector<int32_t>{12});
  EXPECT_NE(second.summary().seed(), reply.summary().seed());
}

TEST(GenerateTest, ManyStreamsAtOnceKeepTheirTokens) {
  DataServer server({.max_concurrent_calls = 300});
  server.engine().SetScript(ByteIds("abcdefg"));
  constexpr int kNumStreams = 200;
  struct Open {
    std::unique_ptr<grpc::ClientContext> context = NewContext();
    std::unique_ptr<grpc::ClientReader<wire::GenerateStreamResponse>> reader;
  };
  std::vector<Open> streams(kNumStreams);
  for (Open& open : streams)
    open.reader = server.inference().GenerateStream(open.context.get(), StreamOf(IdsRequest(20)));
  for (Open& open : streams) {
    const Collected stream = Collect(*open.reader, wire::GenerateStreamResponse());
    ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
    EXPECT_EQ(stream.reply.samples(0).text(), "abcdefgabcdefgabcdef");
  }
  EXPECT_TRUE(server.engine().WaitUntilIdle());
}

}  // namespace
}  // namespace foregate
