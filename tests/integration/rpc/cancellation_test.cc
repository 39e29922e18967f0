// Ends that are not the request's own: cancelled at each stage, deadlines, slow readers, clients that vanish.
#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/integration/rpc/data_server.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

wire::GenerateStreamRequest StreamRequest(int max_tokens) {
  wire::GenerateStreamRequest request;
  request.mutable_token_ids()->add_ids('h');
  request.mutable_options()->mutable_stop()->set_max_tokens(max_tokens);
  return request;
}

grpc::Status Drain(grpc::ClientReader<wire::GenerateStreamResponse>& reader) {
  wire::GenerateStreamResponse message;
  while (reader.Read(&message)) continue;
  return reader.Finish();
}

TEST(CancellationTest, AQueuedStreamIsCancelledInTheEngine) {
  DataServer server;
  server.engine().AllowSteps(0);
  const auto context = NewContext();
  const auto reader = server.inference().GenerateStream(context.get(), StreamRequest(10));
  ASSERT_TRUE(server.engine().WaitForSubmitted(1));
  context->TryCancel();
  EXPECT_EQ(Drain(*reader).error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server.engine().WaitUntilIdle());
  ASSERT_EQ(server.engine().cancels().size(), 1u);
  EXPECT_EQ(server.engine().cancels()[0].second.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(server.WaitForPermits());
  EXPECT_EQ(server.access_log().WaitFor(1).at(0).code, "CANCELLED");
}

TEST(CancellationTest, ARunningStreamIsCancelledInTheEngine) {
  DataServer server;
  server.engine().AllowSteps(3);
  const auto context = NewContext();
  const auto reader = server.inference().GenerateStream(context.get(), StreamRequest(1000));
  wire::GenerateStreamResponse message;
  ASSERT_TRUE(reader->Read(&message));
  context->TryCancel();
  EXPECT_EQ(Drain(*reader).error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server.engine().WaitUntilIdle());
  EXPECT_EQ(server.engine().cancels().size(), 1u);
  EXPECT_TRUE(server.WaitForPermits());
}

TEST(CancellationTest, AUnaryCallIsCancelledInTheEngine) {
  DataServer server;
  server.engine().AllowSteps(0);
  grpc::ClientContext context;
  auto pending = std::async(std::launch::async, [&] {
    wire::GenerateRequest request;
    request.mutable_token_ids()->add_ids('h');
    wire::GenerateResponse reply;
    return server.inference().Generate(&context, request, &reply).error_code();
  });
  ASSERT_TRUE(server.engine().WaitForSubmitted(1));
  context.TryCancel();
  EXPECT_EQ(pending.get(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server.engine().WaitUntilIdle());
  EXPECT_EQ(server.engine().cancels().size(), 1u);
  EXPECT_TRUE(server.WaitForPermits());
}

TEST(CancellationTest, ManyImmediateCancellationsLeaveNothingBehind) {
  DataServer server;
  for (int i = 0; i < 100; ++i) {
    const auto context = NewContext();
    const auto reader = server.inference().GenerateStream(context.get(), StreamRequest(5));
    if (i % 3 != 0) std::this_thread::yield();
    context->TryCancel();
    Drain(*reader);
  }
  EXPECT_TRUE(server.engine().WaitUntilIdle());
  EXPECT_TRUE(server.WaitForPermits());
}

TEST(CancellationTest, TheDeadlineReachesTheEngine) {
  DataServer server;
  server.engine().AllowSteps(0);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  const auto reader = server.inference().GenerateStream(&context, StreamRequest(10));
  EXPECT_EQ(Drain(*reader).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(server.engine().WaitUntilIdle());
  ASSERT_EQ(server.engine().submitted().size(), 1u);
  EXPECT_LT(server.engine().submitted()[0].deadline, SteadyTime::max());
  EXPECT_EQ(server.access_log().WaitFor(1).at(0).code, "DEADLINE_EXCEEDED");
  EXPECT_TRUE(server.WaitForPermits());
}

TEST(CancellationTest, ACallWithoutDeadlineHasNone) {
  DataServer server;
  grpc::ClientContext context;
  const auto reader = server.inference().GenerateStream(&context, StreamRequest(1));
  EXPECT_TRUE(Drain(*reader).ok());
  EXPECT_EQ(server.engine().submitted().at(0).deadline, SteadyTime::max());
}

TEST(CancellationTest, AnErrorOfTheEngineEndsTheStreamAfterItsText) {
  DataServer server;
  server.engine().SetScript(ByteIds("abc"));
  server.engine().AllowSteps(3);
  const auto context = NewContext();
  context->AddMetadata("x-request-id", "failing");
  const auto reader = server.inference().GenerateStream(context.get(), StreamRequest(1000));
  std::string text;
  wire::GenerateStreamResponse message;
  while (text.size() < 3 && reader->Read(&message)) {
    for (const auto& delta : message.deltas()) text += delta.text();
  }
  EXPECT_EQ(text, "abc");
  EXPECT_TRUE(server.engine().Cancel("failing", absl::InternalError("the step failed")));
  const grpc::Status status = Drain(*reader);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "the step failed");
  EXPECT_EQ(DetailsOf(status).reason, "INTERNAL");
  EXPECT_EQ(DetailsOf(status).request_id, "failing");
}

TEST(CancellationTest, ASlowReaderIsCutOffAndOthersAreNotHeldUp) {
  // Log-probabilities make about 600 bytes a token, so what buffer and sockets hold is full long before the end.
  DataServer server({.engine = {.max_sequence_tokens = 10000000}, .max_stream_buffer_bytes = 200000});
  const auto slow_context = NewContext();
  slow_context->AddMetadata("x-request-id", "slow");
  wire::GenerateStreamRequest request = StreamRequest(9000000);
  request.mutable_options()->mutable_output()->set_logprobs(20);
  const auto slow = server.inference().GenerateStream(slow_context.get(), request);
  ASSERT_TRUE(server.engine().WaitForSubmitted(1));

  const auto context = NewContext();
  const auto other = server.inference().GenerateStream(context.get(), StreamRequest(100));
  EXPECT_TRUE(Drain(*other).ok());

  EXPECT_TRUE(server.engine().WaitUntilIdle());
  ASSERT_EQ(server.engine().cancels().size(), 1u);
  EXPECT_EQ(server.engine().cancels()[0].first, "slow");
  EXPECT_EQ(server.engine().cancels()[0].second.code(), absl::StatusCode::kResourceExhausted);
  const grpc::Status status = Drain(*slow);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_EQ(DetailsOf(status).reason, "SLOW_READER");
  EXPECT_TRUE(server.WaitForPermits());
}

TEST(CancellationTest, AReaderThatNeverReadsIsResetAndItsPermitReturns) {
  DataServer server(
      {.engine = {.max_sequence_tokens = 10000000}, .max_stream_buffer_bytes = 200000, .slow_reader_grace_ms = 20});
  const auto context = NewContext();
  wire::GenerateStreamRequest request = StreamRequest(9000000);
  request.mutable_options()->mutable_output()->set_logprobs(20);
  const auto reader = server.inference().GenerateStream(context.get(), request);
  ASSERT_TRUE(server.engine().WaitForSubmitted(1));
  EXPECT_TRUE(server.engine().WaitUntilIdle());
  EXPECT_TRUE(server.WaitForPermits());
  EXPECT_EQ(server.access_log().WaitFor(1).at(0).code, "RESOURCE_EXHAUSTED");
  EXPECT_FALSE(Drain(*reader).ok());
}

}  // namespace
}  // namespace foregate
