// What a gRPC server owes its clients beyond the messages: pings, sizes, ages, certificates that change, many streams
// at once, and everything given back after any end. foregated over real sockets.
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "foregate/discovery/v1/discovery.grpc.pb.h"
#include "foregate/inference/v1/inference.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/integration/ops/daemon_process.h"

namespace foregate {
namespace {

using grpc::StatusCode;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using inference::v1::GenerateStreamRequest;
using inference::v1::GenerateStreamResponse;
using inference::v1::InferenceService;
using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(60);

struct Context : grpc::ClientContext {
  Context() {
    set_deadline(std::chrono::system_clock::now() + kPatience);
    set_wait_for_ready(true);
  }
};

std::shared_ptr<grpc::Channel> Connect(const std::string& address, const grpc::ChannelArguments& args = {}) {
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

GenerateStreamRequest Request(int32_t first_id, int32_t max_tokens) {
  GenerateStreamRequest request;
  for (int32_t i = 0; i < 20; ++i) request.mutable_token_ids()->add_ids((first_id + i) % 2048);
  request.mutable_options()->mutable_sampling()->set_temperature(0);
  request.mutable_options()->mutable_stop()->set_max_tokens(max_tokens);
  request.mutable_options()->mutable_stop()->set_ignore_eos(true);
  return request;
}

// Reads a stream to its end; its tokens.
grpc::Status ReadAll(const std::shared_ptr<grpc::Channel>& channel, const GenerateStreamRequest& request,
                     std::vector<int32_t>* tokens) {
  Context context;
  const auto reader = InferenceService::NewStub(channel)->GenerateStream(&context, request);
  GenerateStreamResponse response;
  while (reader->Read(&response)) {
    for (const auto& delta : response.deltas())
      tokens->insert(tokens->end(), delta.token_ids().begin(), delta.token_ids().end());
  }
  return reader->Finish();
}

discovery::v1::GetLoadResponse Load(const std::shared_ptr<grpc::Channel>& channel) {
  Context context;
  discovery::v1::GetLoadResponse load;
  const auto status =
      discovery::v1::DiscoveryService::NewStub(channel)->GetLoad(&context, discovery::v1::GetLoadRequest(), &load);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return load;
}

// False when the daemon does not come to serve its model.
bool WaitUntilServing(DaemonProcess& daemon) {
  if (!daemon.WaitUntilListening()) return false;
  const auto stub = Health::NewStub(Connect(daemon.data_address()));
  Context context;
  const auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  while (watch->Read(&response)) {
    if (response.status() == HealthCheckResponse::SERVING) return true;
  }
  return false;
}

// True once nothing runs or waits and no sequence holds a block.
bool EverythingIsGivenBack(const std::shared_ptr<grpc::Channel>& channel) {
  const auto give_up = steady_clock::now() + kPatience;
  while (steady_clock::now() < give_up) {
    const auto load = Load(channel);
    if (load.running_requests() == 0 && load.waiting_requests() == 0 && load.kv_blocks_used() == 0) return true;
    std::this_thread::yield();
  }
  return false;
}

TEST(Transport, TwoHundredStreamsAtOnceGetTheTokensTheyGetAlone) {
  DaemonProcess daemon({MiniModelFlag(), "--engine.max_running_requests", "48"});
  ASSERT_TRUE(WaitUntilServing(daemon)) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  constexpr int kStreams = 200;
  constexpr int kPrompts = 10;
  std::vector<std::vector<int32_t>> alone(kPrompts);
  for (int i = 0; i < kPrompts; ++i)
    ASSERT_TRUE(ReadAll(channel, Request(i * 37, 8), &alone[static_cast<size_t>(i)]).ok());
  std::vector<std::vector<int32_t>> together(kStreams);
  std::vector<grpc::Status> statuses(kStreams);
  std::vector<std::thread> threads;
  for (int i = 0; i < kStreams; ++i) {
    threads.emplace_back([&, i] {
      statuses[static_cast<size_t>(i)] =
          ReadAll(channel, Request(i % kPrompts * 37, 8), &together[static_cast<size_t>(i)]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kStreams; ++i) {
    EXPECT_TRUE(statuses[i].ok()) << i << ": " << statuses[i].error_message();
    EXPECT_EQ(together[i], alone[i % kPrompts]) << i;
  }
  EXPECT_TRUE(EverythingIsGivenBack(channel));
}

TEST(Transport, CancelAndDeadlineAtEveryStageGiveEverythingBack) {
  // One request runs at a time, so that a second one waits; the scalar path is slow enough to be met in prefill.
  DaemonProcess daemon({MiniModelFlag(), "--engine.max_running_requests", "1", "--compute.isa", "scalar",
                        "--engine.prefill_chunk_tokens", "16"});
  ASSERT_TRUE(WaitUntilServing(daemon)) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  const auto stub = InferenceService::NewStub(channel);
  GenerateStreamRequest long_prompt = Request(1, 10);
  for (int i = 0; i < 800; ++i) long_prompt.mutable_token_ids()->add_ids(5 + i % 1000);
  const auto wait_until = [&](auto condition) {
    const auto give_up = steady_clock::now() + kPatience;
    while (steady_clock::now() < give_up && !condition(Load(channel))) std::this_thread::yield();
    return condition(Load(channel));
  };
  for (const bool by_deadline : {false, true}) {
    SCOPED_TRACE(by_deadline ? "deadline" : "cancel");
    const auto expected = by_deadline ? StatusCode::DEADLINE_EXCEEDED : StatusCode::CANCELLED;
    const auto set_deadline = [&](grpc::ClientContext& context) {
      if (by_deadline) context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
    };
    GenerateStreamResponse response;
    {  // In prefill: no token yet.
      Context context;
      set_deadline(context);
      const auto reader = stub->GenerateStream(&context, long_prompt);
      EXPECT_TRUE(wait_until([](const auto& load) { return load.running_requests() == 1; }));
      if (!by_deadline) context.TryCancel();
      while (reader->Read(&response)) {
      }
      EXPECT_EQ(reader->Finish().error_code(), expected);
      EXPECT_TRUE(EverythingIsGivenBack(channel));
    }
    {  // In the queue, behind one that decodes; then the one that decodes.
      Context running;
      const auto first = stub->GenerateStream(&running, Request(3, 900));
      ASSERT_TRUE(first->Read(&response));
      Context waiting;
      set_deadline(waiting);
      const auto second = stub->GenerateStream(&waiting, Request(4, 900));
      if (!by_deadline) {
        EXPECT_TRUE(wait_until([](const auto& load) { return load.waiting_requests() == 1; }));
        waiting.TryCancel();
      }
      while (second->Read(&response)) {
      }
      EXPECT_EQ(second->Finish().error_code(), expected);
      EXPECT_TRUE(wait_until([](const auto& load) { return load.waiting_requests() == 0; }));
      EXPECT_EQ(Load(channel).running_requests(), 1) << "the one that runs is not disturbed";
      running.TryCancel();
      while (first->Read(&response)) {
      }
      EXPECT_EQ(first->Finish().error_code(), StatusCode::CANCELLED);
      EXPECT_TRUE(EverythingIsGivenBack(channel));
    }
  }
}

TEST(Transport, AClosedConnectionDoesNotDelayOthers) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(WaitUntilServing(daemon)) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  {
    grpc::ChannelArguments own;  // a connection of its own, which is dropped with its stream open
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    Context context;
    const auto reader =
        InferenceService::NewStub(Connect(daemon.data_address(), own))->GenerateStream(&context, Request(9, 900));
    GenerateStreamResponse response;
    ASSERT_TRUE(reader->Read(&response));
    context.TryCancel();
    while (reader->Read(&response)) {
    }
    reader->Finish();
  }
  std::vector<int32_t> tokens;
  EXPECT_TRUE(ReadAll(channel, Request(1, 4), &tokens).ok());
  EXPECT_EQ(tokens.size(), 4u);
  EXPECT_TRUE(EverythingIsGivenBack(channel));
}

TEST(Transport, PingsOfAnIdleClientAreWelcome) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(WaitUntilServing(daemon)) << daemon.ReadLog();
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);  // what the server promises to bear without calls
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  const auto channel = Connect(daemon.data_address(), args);
  std::vector<int32_t> tokens;
  ASSERT_TRUE(ReadAll(channel, Request(1, 2), &tokens).ok());
  // Three pings without a call; gRPC's own default would answer the third with GOAWAY.
  const auto until = std::chrono::system_clock::now() + std::chrono::seconds(33);
  EXPECT_FALSE(channel->WaitForStateChange(GRPC_CHANNEL_READY, until)) << "the server hung up";
  tokens.clear();
  EXPECT_TRUE(ReadAll(channel, Request(1, 2), &tokens).ok());
}

TEST(Transport, MessagesBeyondTheLimitAreRefusedAndTheConnectionLives) {
  DaemonProcess daemon({MiniModelFlag(), "--limits.max_request_bytes", "65536"});
  ASSERT_TRUE(WaitUntilServing(daemon)) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  const auto stub = InferenceService::NewStub(channel);
  inference::v1::TokenizeRequest request;
  inference::v1::TokenizeResponse response;
  {
    Context context;
    request.set_text(std::string(70000, 'a'));
    EXPECT_EQ(stub->Tokenize(&context, request, &response).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  }
  Context context;
  request.set_text(std::string(60000, 'a'));
  EXPECT_TRUE(stub->Tokenize(&context, request, &response).ok());
}

TEST(Transport, AConnectionThatIsOldEnoughIsAskedToGoAndNothingFails) {
  DaemonProcess daemon({MiniModelFlag(), "--listen.max_connection_age_ms", "300"});
  ASSERT_TRUE(WaitUntilServing(daemon)) << daemon.ReadLog();
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = Connect(daemon.data_address(), args);
  std::vector<int32_t> tokens;
  ASSERT_TRUE(ReadAll(channel, Request(1, 2), &tokens).ok());
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, std::chrono::system_clock::now() + kPatience));
  tokens.clear();
  EXPECT_TRUE(ReadAll(channel, Request(1, 2), &tokens).ok());
}

// A self-signed certificate for localhost, made by the openssl command.
void MakeCertificate(const std::string& cert, const std::string& key) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " +
      key + " -out " + cert + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
}

TEST(Transport, AChangedCertificateIsServedWithoutARestart) {
  const std::string dir = MakeTestDirectory("reload");
  const std::string cert = dir + "/cert.pem";
  const std::string key = dir + "/key.pem";
  MakeCertificate(cert, key);
  const std::string old_pem = ReadWholeFile(cert);
  DaemonProcess daemon({MiniModelFlag(), "--tls-cert", cert, "--tls-key", key});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto generate = [&](const std::string& trusted) {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = trusted;
    const auto channel = grpc::CreateCustomChannel(daemon.data_address(), grpc::SslCredentials(options), args);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(2))) return false;
    std::vector<int32_t> tokens;
    return ReadAll(channel, Request(1, 2), &tokens).ok();
  };
  const auto generates_in_time = [&](const std::string& trusted) {
    const auto give_up = steady_clock::now() + kPatience;
    while (steady_clock::now() < give_up) {
      if (generate(trusted)) return true;
    }
    return false;
  };
  EXPECT_TRUE(generates_in_time(old_pem));

  MakeCertificate(dir + "/new_cert.pem", dir + "/new_key.pem");
  const std::string new_pem = ReadWholeFile(dir + "/new_cert.pem");
  ASSERT_EQ(std::rename((dir + "/new_key.pem").c_str(), key.c_str()), 0);
  ASSERT_EQ(std::rename((dir + "/new_cert.pem").c_str(), cert.c_str()), 0);
  EXPECT_TRUE(generates_in_time(new_pem));
  EXPECT_FALSE(generate(old_pem));
}

}  // namespace
}  // namespace foregate
