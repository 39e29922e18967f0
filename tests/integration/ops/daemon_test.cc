// foregated over real sockets: what each listener serves, health, loading, tokens, TLS, drain and control.
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "engine/moe/trace/route_trace_reader.h"
#include "foregate/admin/v1/admin.grpc.pb.h"
#include "foregate/inference/v1/inference.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "reflection.grpc.pb.h"
#include "tests/integration/ops/daemon_process.h"

namespace foregate {
namespace {

using admin::v1::AdminService;
using grpc::StatusCode;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using inference::v1::InferenceService;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
namespace reflection = grpc::reflection::v1alpha;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

// Every call of these tests ends, whatever happens.
struct Context : grpc::ClientContext {
  explicit Context(const std::string& token = "") {
    set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    set_wait_for_ready(true);
    if (!token.empty()) AddMetadata("authorization", "Bearer " + token);
  }
};

grpc::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                         HealthCheckResponse* response) {
  Context context;
  HealthCheckRequest request;
  request.set_service(service);
  return Health::NewStub(channel)->Check(&context, request, response);
}

// True once health has said `wanted`; watches, so that nothing is missed.
bool WaitForHealth(const std::shared_ptr<grpc::Channel>& channel, HealthCheckResponse::ServingStatus wanted) {
  Context context;
  const auto watch = Health::NewStub(channel)->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  while (watch->Read(&response)) {
    if (response.status() == wanted) return true;
  }
  return false;
}

grpc::Status ListServices(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
                          std::set<std::string>* names) {
  Context context(token);
  const auto stream = reflection::ServerReflection::NewStub(channel)->ServerReflectionInfo(&context);
  reflection::ServerReflectionRequest request;
  request.set_list_services("*");
  stream->Write(request);
  reflection::ServerReflectionResponse response;
  if (stream->Read(&response)) {
    for (const auto& service : response.list_services_response().service()) names->insert(service.name());
  }
  stream->WritesDone();
  return stream->Finish();
}

inference::v1::GenerateRequest ShortRequest() {
  inference::v1::GenerateRequest request;
  request.mutable_token_ids()->add_ids(5);
  request.mutable_options()->mutable_stop()->set_max_tokens(2);
  request.mutable_options()->mutable_stop()->set_ignore_eos(true);
  return request;
}

grpc::Status Generate(const std::shared_ptr<grpc::Channel>& channel, const std::string& token = "") {
  Context context(token);
  inference::v1::GenerateResponse response;
  return InferenceService::NewStub(channel)->Generate(&context, ShortRequest(), &response);
}

// Long enough to be met by whatever the test does meanwhile: the scalar path takes milliseconds per token.
inference::v1::GenerateStreamRequest LongRequest(int32_t max_tokens = 200) {
  inference::v1::GenerateStreamRequest request;
  request.mutable_token_ids()->add_ids(5);
  request.mutable_options()->mutable_stop()->set_max_tokens(max_tokens);
  request.mutable_options()->mutable_stop()->set_ignore_eos(true);
  return request;
}

TEST(Daemon, EachListenerServesItsServicesAndNoOthers) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  std::set<std::string> data;
  EXPECT_TRUE(ListServices(Connect(daemon.data_address()), "", &data).ok());
  EXPECT_THAT(data, UnorderedElementsAre("foregate.inference.v1.InferenceService",
                                         "foregate.discovery.v1.DiscoveryService", "foregate.experts.v1.ExpertService",
                                         "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"));
  std::set<std::string> admin;
  EXPECT_TRUE(ListServices(Connect(daemon.admin_address()), "", &admin).ok());
  EXPECT_THAT(admin, UnorderedElementsAre("foregate.admin.v1.AdminService", "grpc.health.v1.Health",
                                          "grpc.channelz.v1.Channelz", "grpc.reflection.v1alpha.ServerReflection"));
}

TEST(Daemon, HealthNamesItsServices) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  HealthCheckResponse response;
  EXPECT_TRUE(CheckHealth(channel, "foregate.inference.v1.InferenceService", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  EXPECT_EQ(CheckHealth(channel, "foregate.admin.v1.AdminService", &response).error_code(), StatusCode::NOT_FOUND);
  EXPECT_TRUE(CheckHealth(Connect(daemon.admin_address()), "foregate.admin.v1.AdminService", &response).ok());
  EXPECT_TRUE(Generate(channel).ok());
}

TEST(Daemon, AnswersWhileTheModelLoads) {
  // One file of the checkpoint is a pipe, so that loading waits for this test.
  const std::string model = MakeTestDirectory("model");
  for (const auto& file : std::filesystem::directory_iterator("models/mini"))
    std::filesystem::create_symlink(std::filesystem::canonical(file.path()),
                                    model + "/" + file.path().filename().string());
  const std::string pipe = model + "/generation_config.json";
  const std::string content = ReadWholeFile(pipe);
  std::filesystem::remove(pipe);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  DaemonProcess daemon({"--model=" + model});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  const grpc::Status status = Generate(channel);
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("loading"));
  EXPECT_FALSE(status.error_details().empty());
  HealthCheckResponse response;
  EXPECT_TRUE(CheckHealth(channel, "", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  std::ofstream(pipe) << content;
  EXPECT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  EXPECT_TRUE(Generate(channel).ok());
}

TEST(Daemon, TokensOfUsersAndAdminsAreApart) {
  const std::string directory = MakeTestDirectory("tokens");
  std::ofstream(directory + "/users") << "user-token\n";
  std::ofstream(directory + "/admins") << "admin-token\n";
  DaemonProcess daemon(
      {MiniModelFlag(), "--token-file=" + directory + "/users", "--admin.token_file=" + directory + "/admins"});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto data = Connect(daemon.data_address());
  const auto admin = Connect(daemon.admin_address());
  ASSERT_TRUE(WaitForHealth(data, HealthCheckResponse::SERVING)) << daemon.ReadLog();  // open to probes
  EXPECT_EQ(Generate(data).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Generate(data, "admin-token").error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Generate(data, "user-token").ok());
  std::set<std::string> names;
  EXPECT_FALSE(ListServices(data, "", &names).ok());
  EXPECT_FALSE(ListServices(admin, "user-token", &names).ok());
  EXPECT_TRUE(names.empty());
  EXPECT_TRUE(ListServices(admin, "admin-token", &names).ok());
  EXPECT_FALSE(names.empty());
  const auto abort = [&](const std::string& token) {
    Context context(token);
    admin::v1::AbortRequest request;
    request.set_request_id("nobody");
    admin::v1::AbortResponse response;
    return AdminService::NewStub(admin)->Abort(&context, request, &response).error_code();
  };
  EXPECT_EQ(abort(""), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(abort("user-token"), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(abort("admin-token"), StatusCode::NOT_FOUND);
}

// Certificates of a throw-away authority, made by the openssl command.
class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string command =
        "cd " + directory_ +
        " && exec > openssl.log 2>&1 && E='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1'"
        " && openssl req -x509 $E -keyout ca.key -out ca.pem -subj /CN=test-ca"
        " && echo subjectAltName=DNS:localhost,IP:127.0.0.1 > san"
        " && for n in server client; do openssl req $E -keyout $n.key -out $n.csr -subj /CN=$n"
        " && openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile san -out $n.pem"
        " || exit 1; done";
    ASSERT_EQ(std::system(command.c_str()), 0) << ReadWholeFile(directory_ + "/openssl.log");
  }

  std::vector<std::string> ServerFlags() const {
    return {MiniModelFlag(), "--tls-cert=" + directory_ + "/server.pem", "--tls-key=" + directory_ + "/server.key"};
  }

  std::shared_ptr<grpc::Channel> ConnectTls(const std::string& address, bool with_certificate) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadWholeFile(directory_ + "/ca.pem");
    if (with_certificate) {
      options.pem_private_key = ReadWholeFile(directory_ + "/client.key");
      options.pem_cert_chain = ReadWholeFile(directory_ + "/client.pem");
    }
    return grpc::CreateChannel(address, grpc::SslCredentials(options));
  }

  // Health without waiting for a connection that may never come.
  static StatusCode Probe(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    HealthCheckResponse response;
    return Health::NewStub(channel)->Check(&context, HealthCheckRequest(), &response).error_code();
  }

  const std::string directory_ = MakeTestDirectory("tls");
};

TEST_F(TlsTest, ServesTlsAndRefusesPlaintext) {
  DaemonProcess daemon(ServerFlags());
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  EXPECT_EQ(Probe(ConnectTls(daemon.data_address(), false)), StatusCode::OK) << daemon.ReadLog();
  EXPECT_NE(Probe(Connect(daemon.data_address())), StatusCode::OK);
  EXPECT_EQ(Probe(Connect(daemon.admin_address())), StatusCode::OK);  // has its own settings
}

TEST_F(TlsTest, MutualTlsAsksForACertificate) {
  std::vector<std::string> flags = ServerFlags();
  flags.push_back("--tls-client-ca=" + directory_ + "/ca.pem");
  DaemonProcess daemon(flags);
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  EXPECT_EQ(Probe(ConnectTls(daemon.data_address(), true)), StatusCode::OK) << daemon.ReadLog();
  EXPECT_NE(Probe(ConnectTls(daemon.data_address(), false)), StatusCode::OK);
}

TEST(Drain, SigtermLetsARunningStreamEnd) {
  DaemonProcess daemon({MiniModelFlag(), "--isa=scalar"});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  Context context;
  // Some seconds on the scalar backend: far from the end when the signal comes, far from the drain's 30 s, too.
  const auto stream = InferenceService::NewStub(channel)->GenerateStream(&context, LongRequest(/*max_tokens=*/60));
  inference::v1::GenerateStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  daemon.Signal(SIGTERM);
  bool has_summary = response.has_summary();
  while (stream->Read(&response)) has_summary = response.has_summary();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(has_summary);
  EXPECT_EQ(daemon.WaitForExit().exit_code, 0) << daemon.ReadLog();
}

TEST(Drain, WhatTheTimeoutLeavesOverEndsUnavailable) {
  DaemonProcess daemon({MiniModelFlag(), "--isa=scalar", "--lifecycle.drain_timeout_ms=0"});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  Context context;
  const auto stream = InferenceService::NewStub(channel)->GenerateStream(&context, LongRequest());
  inference::v1::GenerateStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  daemon.Signal(SIGTERM);
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(daemon.WaitForExit().exit_code, 0) << daemon.ReadLog();
}

TEST(Drain, ASecondSignalEndsTheProcessAtOnce) {
  DaemonProcess daemon({MiniModelFlag(), "--lifecycle.drain_notice_ms=60000"});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  daemon.Signal(SIGTERM);
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::NOT_SERVING));
  EXPECT_TRUE(Generate(channel).ok());  // the notice: health says no, requests are still served
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.WaitForExit().exit_code, 128 + SIGTERM);
}

TEST(Admin, DrainReportsUntilNothingRunsAndTheProcessGoesOn) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  const auto admin = AdminService::NewStub(Connect(daemon.admin_address()));
  Context context;
  const auto stream = admin->Drain(&context, admin::v1::DrainRequest());
  admin::v1::DrainResponse report;
  while (stream->Read(&report)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(report.done());
  EXPECT_EQ(Generate(channel).error_code(), StatusCode::UNAVAILABLE);
  HealthCheckResponse response;
  EXPECT_TRUE(CheckHealth(channel, "", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  Context refused_context;
  admin::v1::DrainRequest wrong;
  wrong.set_timeout_ms(-1);
  EXPECT_EQ(admin->Drain(&refused_context, wrong)->Finish().error_code(), StatusCode::INVALID_ARGUMENT);
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.WaitForExit().exit_code, 0);
}

TEST(Admin, AbortEndsARunningRequest) {
  DaemonProcess daemon({MiniModelFlag(), "--isa=scalar"});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  Context context;
  context.AddMetadata("x-request-id", "to-be-aborted");
  const auto stream = InferenceService::NewStub(channel)->GenerateStream(&context, LongRequest());
  inference::v1::GenerateStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  Context abort_context;
  admin::v1::AbortRequest request;
  request.set_request_id("to-be-aborted");
  admin::v1::AbortResponse done;
  const auto admin = AdminService::NewStub(Connect(daemon.admin_address()));
  EXPECT_TRUE(admin->Abort(&abort_context, request, &done).ok());
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
}

TEST(Admin, ARouteTraceIsRecordedAndStreamed) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const auto channel = Connect(daemon.data_address());
  ASSERT_TRUE(WaitForHealth(channel, HealthCheckResponse::SERVING)) << daemon.ReadLog();
  const auto admin = AdminService::NewStub(Connect(daemon.admin_address()));
  auto format = admin::v1::ROUTE_TRACE_FORMAT_UNSPECIFIED;
  const auto start = [&](int64_t max_bytes) {
    Context context;
    admin::v1::StartRouteTraceRequest request;
    request.set_max_bytes(max_bytes);
    request.set_format(format);
    admin::v1::StartRouteTraceResponse response;
    return admin->StartRouteTrace(&context, request, &response).error_code();
  };
  const auto stop = [&](std::string* csv) {
    Context context;
    const auto stream = admin->StopRouteTrace(&context, admin::v1::StopRouteTraceRequest());
    admin::v1::StopRouteTraceResponse part;
    while (stream->Read(&part)) *csv += part.csv() + part.trace();
    return stream->Finish().error_code();
  };
  std::string csv;
  EXPECT_EQ(stop(&csv), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(start(0), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(start(1 << 20), StatusCode::OK);
  EXPECT_EQ(start(1 << 20), StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(Generate(channel).ok());
  EXPECT_EQ(stop(&csv), StatusCode::OK);
  EXPECT_THAT(csv, ::testing::StartsWith("step,layer,position,expert_0"));
  EXPECT_GT(std::count(csv.begin(), csv.end(), '\n'), 6);  // a header, and 6 layers for each token

  format = admin::v1::ROUTE_TRACE_FORMAT_COMPACT;
  EXPECT_EQ(start(1 << 20), StatusCode::OK);
  EXPECT_TRUE(Generate(channel).ok());
  std::string trace;
  EXPECT_EQ(stop(&trace), StatusCode::OK);
  std::istringstream file(trace);
  auto reader = TraceReader::Open(file, "recorded");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->header().layers.size(), 6u);
  EXPECT_GT(reader->header().layers[0].expert_bytes, 1u);
  TraceVisit visit;
  ASSERT_TRUE(*reader->Next(&visit));
  EXPECT_EQ(visit.layer_index, 0);
  EXPECT_EQ(visit.rows.front().phase, TracePhase::kPrefill);
  float weight_sum = 0;
  for (int32_t i = 0; i < reader->header().top_k; ++i) weight_sum += visit.weights[static_cast<size_t>(i)];
  EXPECT_GT(weight_sum, 0);
  while (*reader->Next(&visit)) {
  }
  EXPECT_TRUE(reader->torn().ok()) << reader->torn();
  EXPECT_EQ(visit.rows.front().phase, TracePhase::kDecode);
}

}  // namespace
}  // namespace foregate
