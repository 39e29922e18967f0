// Every refusal on the wire: its code, its field, its reason, and when to retry.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/integration/rpc/data_server.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

wire::GenerateRequest IdsRequest() {
  wire::GenerateRequest request;
  request.mutable_token_ids()->add_ids('h');
  request.mutable_options()->mutable_stop()->set_max_tokens(3);
  return request;
}

wire::ChatRequest HelloChat() {
  wire::ChatRequest request;
  wire::ChatMessage* message = request.mutable_conversation()->add_messages();
  message->set_role(wire::ROLE_USER);
  message->set_content("hello");
  return request;
}

grpc::Status Generate(
    DataServer& server, const wire::GenerateRequest& request,
    const std::function<void(grpc::ClientContext*)>& prepare = [](grpc::ClientContext*) {}) {
  const auto context = NewContext();
  prepare(context.get());
  wire::GenerateResponse reply;
  return server.inference().Generate(context.get(), request, &reply);
}

TEST(RefusalTest, EveryInvalidFieldIsNamed) {
  DataServer server({.engine = {.vocab_size = 300, .max_sequence_tokens = 32}});
  struct Case {
    std::string field;
    std::function<void(wire::GenerateRequest*)> change;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto sampling = [](wire::GenerateRequest* r) { return r->mutable_options()->mutable_sampling(); };
  const auto stop = [](wire::GenerateRequest* r) { return r->mutable_options()->mutable_stop(); };
  const auto output = [](wire::GenerateRequest* r) { return r->mutable_options()->mutable_output(); };
  const std::vector<Case> cases = {
      {"prompt", [](auto* r) { r->clear_token_ids(); }},
      {"text", [](auto* r) { r->set_text(""); }},
      {"text", [](auto* r) { r->set_text(std::string(32, 'x')); }},
      {"token_ids.ids", [](auto* r) { r->mutable_token_ids()->clear_ids(); }},
      {"token_ids.ids[1]", [](auto* r) { r->mutable_token_ids()->add_ids(300); }},
      {"token_ids.ids[1]", [](auto* r) { r->mutable_token_ids()->add_ids(-1); }},
      {"options.sampling.temperature", [&](auto* r) { sampling(r)->set_temperature(-1); }},
      {"options.sampling.temperature", [&](auto* r) { sampling(r)->set_temperature(nan); }},
      {"options.sampling.top_k", [&](auto* r) { sampling(r)->set_top_k(-1); }},
      {"options.sampling.top_p", [&](auto* r) { sampling(r)->set_top_p(0); }},
      {"options.sampling.min_p", [&](auto* r) { sampling(r)->set_min_p(1.5f); }},
      {"options.sampling.repetition_penalty", [&](auto* r) { sampling(r)->set_repetition_penalty(0); }},
      {"options.sampling.presence_penalty", [&](auto* r) { sampling(r)->set_presence_penalty(3); }},
      {"options.sampling.frequency_penalty", [&](auto* r) { sampling(r)->set_frequency_penalty(-3); }},
      {"options.sampling.logit_bias[5]", [&](auto* r) { (*sampling(r)->mutable_logit_bias())[5] = 200; }},
      {"options.sampling.logit_bias[300]", [&](auto* r) { (*sampling(r)->mutable_logit_bias())[300] = 1; }},
      {"options.stop.max_tokens", [&](auto* r) { stop(r)->set_max_tokens(0); }},
      {"options.stop.min_tokens", [&](auto* r) { stop(r)->set_min_tokens(4); }},
      {"options.stop.stop_strings[0]", [&](auto* r) { stop(r)->add_stop_strings(""); }},
      {"options.stop.stop_token_ids[0]", [&](auto* r) { stop(r)->add_stop_token_ids(300); }},
      {"options.output.logprobs", [&](auto* r) { output(r)->set_logprobs(21); }},
      {"options.output.prompt_logprobs", [&](auto* r) { output(r)->set_prompt_logprobs(-1); }},
      {"options.num_samples", [](auto* r) { r->mutable_options()->set_num_samples(17); }},
      {"options.priority", [](auto* r) { r->mutable_options()->set_priority(1000); }},
      {"options.cache_salt", [](auto* r) { r->mutable_options()->set_cache_salt(std::string(257, 'x')); }},
  };
  for (const Case& c : cases) {
    wire::GenerateRequest request = IdsRequest();
    c.change(&request);
    const grpc::Status status = Generate(server, request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << c.field << ": " << status.error_message();
    if (status.ok()) continue;
    EXPECT_EQ(DetailsOf(status).field, c.field) << status.error_message();
  }
  EXPECT_TRUE(Generate(server, IdsRequest()).ok());
  EXPECT_EQ(server.engine().submitted().size(), 1u);
}

TEST(RefusalTest, APromptThatIsTooLongSaysTheNumbers) {
  DataServer server({.engine = {.max_sequence_tokens = 32}});
  wire::GenerateRequest request;
  request.set_text(std::string(32, 'x'));
  const grpc::Status status = Generate(server, request);
  EXPECT_EQ(status.error_message(), "text: prompt too long: 32 tokens, limit 31");
  EXPECT_EQ(DetailsOf(status).reason, "PROMPT_TOO_LONG");
}

TEST(RefusalTest, AnotherModelIsNotFound) {
  DataServer server;
  wire::GenerateRequest request = IdsRequest();
  request.set_model("other");
  const grpc::Status status = Generate(server, request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailsOf(status).reason, "MODEL_NOT_FOUND");
  EXPECT_NE(status.error_message().find(DataServer::kModelName), std::string::npos);
  request.set_model(DataServer::kModelName);
  EXPECT_TRUE(Generate(server, request).ok());
}

TEST(RefusalTest, WithoutATokenizerTextIsAFailedPrecondition) {
  DataServer server({.has_tokenizer = false});
  const auto expect_refused = [](const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << status.error_message();
    if (status.ok()) return;
    EXPECT_EQ(DetailsOf(status).reason, "NO_TOKENIZER");
  };
  wire::GenerateRequest text;
  text.set_text("hello");
  expect_refused(Generate(server, text));
  wire::GenerateRequest stop_string = IdsRequest();
  stop_string.mutable_options()->mutable_stop()->add_stop_strings("x");
  expect_refused(Generate(server, stop_string));
  wire::ChatResponse chat_reply;
  expect_refused(server.inference().Chat(NewContext().get(), HelloChat(), &chat_reply));
  wire::TokenizeResponse tokens;
  expect_refused(server.inference().Tokenize(NewContext().get(), wire::TokenizeRequest(), &tokens));
  wire::DetokenizeResponse detokenized;
  expect_refused(server.inference().Detokenize(NewContext().get(), wire::DetokenizeRequest(), &detokenized));
  wire::RenderChatRequest render;
  *render.mutable_conversation() = HelloChat().conversation();
  wire::RenderChatResponse rendered;
  expect_refused(server.inference().RenderChat(NewContext().get(), render, &rendered));
  EXPECT_TRUE(Generate(server, IdsRequest()).ok());
}

TEST(RefusalTest, WithoutATemplateChatIsAFailedPrecondition) {
  DataServer server;
  wire::ChatResponse reply;
  const grpc::Status status = server.inference().Chat(NewContext().get(), HelloChat(), &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DetailsOf(status).reason, "NO_CHAT_TEMPLATE");
}

// A client whose library does not check its strings.
TEST(RefusalTest, BytesThatAreNoTextAreNamed) {
  DataServer server;
  wire::TokenizeRequest tokenize;
  tokenize.set_text("ab\xFF");
  wire::TokenizeResponse tokens;
  const grpc::Status status = server.inference().Tokenize(NewContext().get(), tokenize, &tokens);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).field, "text");
  EXPECT_NE(status.error_message().find("at byte 2 of 3"), std::string::npos) << status.error_message();
  wire::GenerateRequest generate;
  generate.set_text("ok");
  generate.mutable_options()->mutable_stop()->add_stop_strings("\xC3");
  wire::GenerateResponse reply;
  const grpc::Status refused = server.inference().Generate(NewContext().get(), generate, &reply);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(refused).field, "options.stop.stop_strings[0]");
}

TEST(RefusalTest, TemplateFaultsNameTheConversation) {
  DataServer server({.chat_template = "{{ raise_exception('roles must alternate') }}"});
  wire::ChatResponse reply;
  grpc::Status status = server.inference().Chat(NewContext().get(), HelloChat(), &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).field, "conversation");
  EXPECT_NE(status.error_message().find("roles must alternate"), std::string::npos);
  wire::ChatRequest request = HelloChat();
  (*request.mutable_conversation()->mutable_template_arguments()->mutable_fields())["messages"].set_bool_value(true);
  status = server.inference().Chat(NewContext().get(), request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).field, "conversation.template_arguments.messages");
}

TEST(RefusalTest, DetokenizeNamesUnknownIds) {
  DataServer server;
  wire::DetokenizeRequest request;
  request.add_token_ids(1);
  request.add_token_ids(100000);
  wire::DetokenizeResponse reply;
  const grpc::Status status = server.inference().Detokenize(NewContext().get(), request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).field, "token_ids[1]");
}

TEST(RefusalTest, BadRecommendationsOfTheCheckpointAreToldApartFromBadRequests) {
  DataServerOptions options;
  options.defaults.top_p = 0.0;
  DataServer server(options);
  grpc::Status status = Generate(server, IdsRequest());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DetailsOf(status).reason, "MODEL_DEFAULTS");
  wire::GenerateRequest request = IdsRequest();
  request.mutable_options()->mutable_sampling()->set_top_p(0.5f);
  EXPECT_TRUE(Generate(server, request).ok());
}

TEST(RefusalTest, LoadingAndDrainingSayWhenToRetry) {
  DataServer server({.ready = false});
  server.state().SetProgress(25, 100);
  grpc::Status status = Generate(server, IdsRequest());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(DetailsOf(status).reason, "MODEL_LOADING");
  EXPECT_TRUE(DetailsOf(status).retry.has_value());
  EXPECT_NE(status.error_message().find("25"), std::string::npos) << status.error_message();
  server.BecomeReady();
  EXPECT_TRUE(Generate(server, IdsRequest()).ok());
  server.state().BeginDrain();
  status = Generate(server, IdsRequest());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(DetailsOf(status).reason, "DRAINING");
  EXPECT_TRUE(DetailsOf(status).retry.has_value());
}

TEST(RefusalTest, OverloadSaysWhenToRetry) {
  DataServer server({.max_concurrent_calls = 1});
  server.engine().Refuse(absl::ResourceExhaustedError("queue full: 128 requests"));
  grpc::Status status = Generate(server, IdsRequest());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailsOf(status).reason, "QUEUE_FULL");
  EXPECT_EQ(DetailsOf(status).retry->retry_delay().seconds(), 1);

  server.engine().Refuse(absl::OkStatus());
  server.engine().AllowSteps(0);
  ASSERT_TRUE(server.WaitForPermits());
  const auto context = NewContext();
  wire::GenerateStreamRequest stream_request;
  stream_request.mutable_token_ids()->add_ids(1);
  stream_request.mutable_options()->mutable_stop()->set_max_tokens(1);
  const auto reader = server.inference().GenerateStream(context.get(), stream_request);
  ASSERT_TRUE(server.engine().WaitForSubmitted(1));
  status = Generate(server, IdsRequest());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailsOf(status).reason, "SERVER_FULL");
  EXPECT_TRUE(DetailsOf(status).retry.has_value());
  server.engine().AllowSteps(FakeEngine::kUnlimited);
  wire::GenerateStreamResponse message;
  while (reader->Read(&message)) continue;
  EXPECT_TRUE(reader->Finish().ok());
}

TEST(RefusalTest, TokensAreAskedForBeforeAnythingElse) {
  DataServer server({.token = "secret", .ready = false});
  grpc::Status status = Generate(server, wire::GenerateRequest());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(DetailsOf(status).reason, "UNAUTHENTICATED");
  status = Generate(server, IdsRequest(), [](auto* context) { context->AddMetadata("authorization", "Bearer wrong"); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  server.BecomeReady();
  EXPECT_TRUE(Generate(server, IdsRequest(), [](auto* context) {
                context->AddMetadata("authorization", "Bearer secret");
              }).ok());
}

TEST(RefusalTest, RequestIdsAreCheckedEchoedAndLogged) {
  DataServer server;
  const grpc::Status status =
      Generate(server, IdsRequest(), [](auto* context) { context->AddMetadata("x-request-id", "no spaces"); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).reason, "INVALID_METADATA");
  const grpc::Status twice = Generate(server, IdsRequest(), [](auto* context) {
    context->AddMetadata("x-request-id", "a");
    context->AddMetadata("x-request-id", "b");
  });
  EXPECT_EQ(twice.error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto context = NewContext();
  context->AddMetadata("x-request-id", "mine:1");
  context->AddMetadata("traceparent", traceparent);
  wire::GenerateResponse reply;
  ASSERT_TRUE(server.inference().Generate(context.get(), IdsRequest(), &reply).ok());
  EXPECT_EQ(reply.summary().request_id(), "mine:1");
  EXPECT_EQ(context->GetServerInitialMetadata().find("x-request-id")->second, "mine:1");
  EXPECT_EQ(server.engine().submitted().at(0).id, "mine:1");

  const auto plain = NewContext();
  ASSERT_TRUE(server.inference().Generate(plain.get(), IdsRequest(), &reply).ok());
  EXPECT_EQ(reply.summary().request_id().size(), 32u);
  EXPECT_EQ(plain->GetServerInitialMetadata().find("x-request-id")->second, reply.summary().request_id());

  const std::vector<AccessRecord> records = server.access_log().WaitFor(4);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].code, "INVALID_ARGUMENT");
  EXPECT_EQ(records[2].method, "/foregate.inference.v1.InferenceService/Generate");
  EXPECT_EQ(records[2].request_id, "mine:1");
  EXPECT_EQ(records[2].traceparent, traceparent);
  EXPECT_EQ(records[2].code, "OK");
  EXPECT_EQ(records[2].summary.num_generated_tokens, 3);
  EXPECT_FALSE(records[2].peer.empty());
}

TEST(RefusalTest, ARunningIdIsRefusedAndFreeAgainAfterwards) {
  DataServer server;
  server.engine().AllowSteps(0);
  const auto named = [](auto* context) { context->AddMetadata("x-request-id", "same"); };
  const auto context = NewContext();
  named(context.get());
  wire::GenerateStreamRequest stream_request;
  stream_request.mutable_token_ids()->add_ids(1);
  stream_request.mutable_options()->mutable_stop()->set_max_tokens(1);
  const auto reader = server.inference().GenerateStream(context.get(), stream_request);
  ASSERT_TRUE(server.engine().WaitForSubmitted(1));
  const grpc::Status status = Generate(server, IdsRequest(), named);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DetailsOf(status).reason, "REQUEST_ID_IN_USE");
  server.engine().AllowSteps(FakeEngine::kUnlimited);
  wire::GenerateStreamResponse message;
  while (reader->Read(&message)) continue;
  EXPECT_TRUE(reader->Finish().ok());
  ASSERT_TRUE(server.engine().WaitUntilIdle());
  EXPECT_TRUE(Generate(server, IdsRequest(), named).ok());
}

TEST(RefusalTest, AReplyThatIsTooLargeSaysSo) {
  DataServer server({.max_response_bytes = 2000});
  wire::GenerateRequest request = IdsRequest();
  request.mutable_options()->mutable_stop()->set_max_tokens(1000);
  const grpc::Status status = Generate(server, request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailsOf(status).reason, "REPLY_TOO_LARGE");
  EXPECT_TRUE(server.engine().WaitUntilIdle());
}

}  // namespace
}  // namespace foregate
