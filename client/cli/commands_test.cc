// The commands against a small scripted server on a loopback socket.
#include "client/cli/commands.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <thread>

#include "client/cli/exit_code.h"
#include "foregate/admin/v1/admin.grpc.pb.h"
#include "foregate/discovery/v1/discovery.grpc.pb.h"
#include "foregate/experts/v1/expert.grpc.pb.h"
#include "foregate/inference/v1/inference.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

grpc::Status Loading() {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(1000000);
  google::rpc::ErrorInfo info;
  info.set_reason("LOADING");
  google::rpc::Status details;
  details.add_details()->PackFrom(retry);
  details.add_details()->PackFrom(info);
  return {grpc::StatusCode::UNAVAILABLE, "loading", details.SerializeAsString()};
}

// Answers a prompt by its text: "loading" is unavailable twice, "refuse" is refused, "break" fails after a token,
// "forever" streams until cancelled; anything else is echoed in two deltas.
class ScriptedInference final : public pb::InferenceService::Service {
 public:
  grpc::Status GenerateStream(grpc::ServerContext* context, const pb::GenerateStreamRequest* request,
                              grpc::ServerWriter<pb::GenerateStreamResponse>* writer) override {
    const auto& metadata = context->client_metadata();
    const auto token = metadata.find("authorization");
    if (token != metadata.end()) authorization = std::string(token->second.data(), token->second.size());
    ++attempts;
    if (request->text() == "loading" && attempts < 3) return Loading();
    if (request->text() == "refuse") return {grpc::StatusCode::INVALID_ARGUMENT, "no"};
    pb::GenerateStreamResponse response;
    response.add_deltas()->set_text("so ");
    writer->Write(response);
    if (request->text() == "break") return Loading();
    while (request->text() == "forever" && !context->IsCancelled()) {
      streaming = true;
      if (!writer->Write(response)) std::this_thread::yield();
    }
    if (context->IsCancelled()) {
      cancelled = true;
      return grpc::Status::CANCELLED;
    }
    response.mutable_deltas(0)->set_text(request->text());
    response.mutable_summary()->mutable_usage()->set_generated_tokens(2);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status ChatStream(grpc::ServerContext*, const pb::ChatStreamRequest* request,
                          grpc::ServerWriter<pb::ChatStreamResponse>* writer) override {
    pb::ChatStreamResponse response;
    const auto& messages = request->conversation().messages();
    response.add_deltas()->set_text(std::to_string(messages.size()) + ":" + messages.rbegin()->content());
    response.mutable_summary();
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status Tokenize(grpc::ServerContext*, const pb::TokenizeRequest*, pb::TokenizeResponse* response) override {
    for (const int id : {4, 5}) response->add_token_ids(id);
    return grpc::Status::OK;
  }

  grpc::Status Detokenize(grpc::ServerContext*, const pb::DetokenizeRequest* request,
                          pb::DetokenizeResponse* response) override {
    response->set_text("ids " + std::to_string(request->token_ids_size()));
    return grpc::Status::OK;
  }

  std::atomic<int> attempts{0};
  std::atomic<bool> streaming{false};
  std::atomic<bool> cancelled{false};
  std::string authorization;
};

class ScriptedAdmin final : public admin::v1::AdminService::Service {
 public:
  grpc::Status Abort(grpc::ServerContext*, const admin::v1::AbortRequest* request, admin::v1::AbortResponse*) override {
    if (request->request_id() == "r1") return grpc::Status::OK;
    return {grpc::StatusCode::NOT_FOUND, "no such request"};
  }

  grpc::Status Drain(grpc::ServerContext*, const admin::v1::DrainRequest* request,
                     grpc::ServerWriter<admin::v1::DrainResponse>* writer) override {
    timeout_ms = request->timeout_ms();
    admin::v1::DrainResponse response;
    response.set_running_requests(1);
    writer->Write(response);
    response.set_done(true);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status StartRouteTrace(grpc::ServerContext*, const admin::v1::StartRouteTraceRequest* request,
                               admin::v1::StartRouteTraceResponse* response) override {
    if (is_recording) return {grpc::StatusCode::ALREADY_EXISTS, "a trace is being recorded"};
    is_recording = true;
    is_compact = !is_old && request->format() == admin::v1::ROUTE_TRACE_FORMAT_COMPACT;
    if (!is_old) response->set_format(request->format());
    return grpc::Status::OK;
  }

  grpc::Status StopRouteTrace(grpc::ServerContext*, const admin::v1::StopRouteTraceRequest*,
                              grpc::ServerWriter<admin::v1::StopRouteTraceResponse>* writer) override {
    if (!is_recording) return {grpc::StatusCode::FAILED_PRECONDITION, "no trace is being recorded"};
    is_recording = false;
    for (const char* bytes : {"one ", "two"}) {
      admin::v1::StopRouteTraceResponse response;
      (is_compact ? response.mutable_trace() : response.mutable_csv())->assign(bytes);
      writer->Write(response);
      if (breaks) return {grpc::StatusCode::INTERNAL, "gone"};
    }
    return grpc::Status::OK;
  }

  int64_t timeout_ms = 0;
  std::atomic<bool> is_recording{false};
  std::atomic<bool> is_compact{false};
  std::atomic<bool> is_old{false};  // knows no formats
  std::atomic<bool> breaks{false};
};

// A server that is loading for `loading_answers` calls of GetServerInfo and ready afterwards.
class ScriptedDiscovery final : public discovery::v1::DiscoveryService::Service {
 public:
  grpc::Status GetServerInfo(grpc::ServerContext*, const discovery::v1::GetServerInfoRequest*,
                             discovery::v1::GetServerInfoResponse* response) override {
    const bool loading = loading_answers-- > 0;
    response->set_state(loading ? discovery::v1::SERVER_STATE_LOADING : discovery::v1::SERVER_STATE_READY);
    response->mutable_load_progress()->set_bytes_done(1000000);
    response->mutable_load_progress()->set_bytes_total(4000000);
    return grpc::Status::OK;
  }

  grpc::Status GetLoad(grpc::ServerContext*, const discovery::v1::GetLoadRequest*,
                       discovery::v1::GetLoadResponse* response) override {
    ++load_calls;
    if (loading_answers == 0) return Loading();
    response->set_running_requests(3);
    return grpc::Status::OK;
  }

  grpc::Status ListModels(grpc::ServerContext*, const discovery::v1::ListModelsRequest*,
                          discovery::v1::ListModelsResponse* response) override {
    response->add_models()->set_name("scripted");
    return grpc::Status::OK;
  }

  std::atomic<int> loading_answers{0};
  std::atomic<int> load_calls{0};
};

class ScriptedExperts final : public experts::v1::ExpertService::Service {
 public:
  // Each answer has ten hits more; from `end_after` answers on there is none.
  grpc::Status GetExpertStats(grpc::ServerContext*, const experts::v1::GetExpertStatsRequest*,
                              experts::v1::GetExpertStatsResponse* response) override {
    if (calls++ >= end_after) return Loading();
    auto* layer = response->add_layers();
    layer->set_hits(static_cast<uint64_t>(calls) * 10);
    response->mutable_tier()->set_hits(layer->hits());
    return grpc::Status::OK;
  }

  std::atomic<int> calls{0};
  std::atomic<int> end_after{1 << 30};
};

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() { address_ = Serve("127.0.0.1:0"); }
  ~CommandsTest() override { server_->Shutdown(); }

  // The address.
  std::string Serve(const std::string& listen) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&inference_);
    builder.RegisterService(&admin_);
    builder.RegisterService(&discovery_);
    if (has_experts_) builder.RegisterService(&experts_);
    grpc::EnableDefaultHealthCheckService(true);
    server_ = builder.BuildAndStart();
    return "127.0.0.1:" + std::to_string(port);
  }

  int Run(std::vector<const char*> args, const std::string& input = "", bool in_is_terminal = false) {
    args.insert(args.begin(), {"foregate", "--address", address_.c_str(), "--admin-address", address_.c_str()});
    const auto parsed = ParseCommandLine(static_cast<int>(args.size()), args.data());
    if (const auto* message = std::get_if<ParseMessage>(&parsed)) {
      ADD_FAILURE() << message->text;
      return -1;
    }
    std::istringstream in(input);
    std::ostringstream out, err;
    const Session session{.line = std::get<CommandLine>(parsed),
                          .in = in,
                          .out = out,
                          .err = err,
                          .in_is_terminal = in_is_terminal,
                          .out_is_terminal = out_is_terminal_,
                          .err_is_terminal = false,
                          .interrupt = &interrupt_};
    const int code = RunCommand(session);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  ScriptedInference inference_;
  ScriptedAdmin admin_;
  ScriptedDiscovery discovery_;
  ScriptedExperts experts_;
  bool has_experts_ = false;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  Interrupt interrupt_;
  bool out_is_terminal_ = false;
  std::string out_;
  std::string err_;
};

TEST_F(CommandsTest, GenerateStreamsTextFromArgumentOrInput) {
  EXPECT_EQ(Run({"generate", "hello"}), 0);
  EXPECT_EQ(out_, "so hello\n");
  EXPECT_EQ(Run({"generate"}, "from input\n"), 0);
  EXPECT_EQ(out_, "so from input\n");
  EXPECT_EQ(err_, "");
}

TEST_F(CommandsTest, JsonIsOneObjectALine) {
  EXPECT_EQ(Run({"generate", "hello", "--json"}), 0);
  std::istringstream lines(out_);
  std::string line, text;
  int summaries = 0;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line);
    text += json["deltas"][0]["text"].get<std::string>();
    summaries += json.contains("summary") ? 1 : 0;
  }
  EXPECT_EQ(text, "so hello");
  EXPECT_EQ(summaries, 1);
}

TEST_F(CommandsTest, RetriesWhileTheServerLoads) {
  EXPECT_EQ(Run({"generate", "loading"}), 0);
  EXPECT_EQ(out_, "so loading\n");
  EXPECT_EQ(inference_.attempts, 3);
}

TEST_F(CommandsTest, WithoutARetryBudgetLoadingIsExitCode4) {
  EXPECT_EQ(Run({"generate", "loading", "--retry", "0"}), 4);
  EXPECT_EQ(err_, "foregate: UNAVAILABLE: loading (retry after 1 ms)\n");
  EXPECT_EQ(inference_.attempts, 1);
}

TEST_F(CommandsTest, AStreamThatHasBegunIsNotRepeated) {
  EXPECT_EQ(Run({"generate", "break"}), 4);
  EXPECT_EQ(out_, "so \n");
  EXPECT_EQ(inference_.attempts, 1);
}

TEST_F(CommandsTest, RefusedInputIsExitCode3InOneLine) {
  EXPECT_EQ(Run({"generate", "refuse"}), 3);
  EXPECT_EQ(err_, "foregate: INVALID_ARGUMENT: no\n");
}

TEST_F(CommandsTest, TheDeadlineIsExitCode5) { EXPECT_EQ(Run({"generate", "forever", "--timeout", "0.05"}), 5); }

TEST_F(CommandsTest, AnInterruptCancelsOnTheServer) {
  std::thread interrupter([this] {
    while (!inference_.streaming) std::this_thread::yield();
    interrupt_.cancellation()->Cancel();
  });
  EXPECT_EQ(Run({"generate", "forever"}), 130);
  interrupter.join();
  server_->Shutdown();  // returns when the handler has
  EXPECT_TRUE(inference_.cancelled);
}

TEST_F(CommandsTest, TheTokenTravels) {
  EXPECT_EQ(Run({"generate", "x", "--token", "secret"}), 0);
  EXPECT_EQ(inference_.authorization, "Bearer secret");
}

TEST_F(CommandsTest, AMissingTokenFileIsWrongUsage) {
  EXPECT_EQ(Run({"generate", "x", "--token-file", "/nonexistent/token"}), 2);
  EXPECT_NE(err_.find("--token-file: cannot read /nonexistent/token"), std::string::npos);
}

TEST_F(CommandsTest, ChatSendsTheSystemMessageFirst) {
  EXPECT_EQ(Run({"chat", "hi", "--system", "be brief"}), 0);
  EXPECT_EQ(out_, "2:hi\n");
}

TEST_F(CommandsTest, AConversationGrowsAndStartsOver) {
  EXPECT_EQ(Run({"chat"}, "one\ntwo\n/reset\nthree\n/exit\nnever\n", true), 0);
  EXPECT_EQ(out_, "> 1:one\n> 3:two\n> > 1:three\n> ");
}

TEST_F(CommandsTest, TokenizeAndDetokenizeFitTogether) {
  EXPECT_EQ(Run({"tokenize", "x"}), 0);
  EXPECT_EQ(out_, "4,5\n");
  EXPECT_EQ(Run({"detokenize"}, out_), 0);
  EXPECT_EQ(out_, "ids 2\n");
  EXPECT_EQ(Run({"detokenize", "1,2,3"}), 0);
  EXPECT_EQ(out_, "ids 3\n");
  EXPECT_EQ(Run({"detokenize"}, "1 two"), 2);
}

TEST_F(CommandsTest, AdminCommands) {
  EXPECT_EQ(Run({"abort", "r1"}), 0);
  EXPECT_EQ(Run({"abort", "r2"}), 3);
  EXPECT_EQ(Run({"drain", "--drain-timeout", "1.5"}), 0);
  EXPECT_EQ(out_, "draining: 1 running, 0 waiting\ndrained; 0 requests were cancelled\n");
  EXPECT_EQ(admin_.timeout_ms, 1500);
}

class TraceTest : public CommandsTest {
 protected:
  TraceTest()
      : path_(testing::TempDir() + "/commands_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove(path_ + ".part");
    std::ofstream(path_) << "before";
  }
  int Record() { return Run({"trace", "record", "-o", path_.c_str(), "--seconds", "0"}); }
  std::string Content() const { return ContentOf(path_); }
  std::string Part() const { return ContentOf(path_ + ".part"); }

  const std::string path_;

 private:
  static std::string ContentOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return file.is_open() ? std::string(std::istreambuf_iterator<char>(file), {}) : "absent";
  }
};

TEST_F(TraceTest, ARecordingTakesItsPlaceWhenItIsWhole) {
  EXPECT_EQ(Record(), 0) << err_;
  EXPECT_EQ(Content(), "one two");
  EXPECT_EQ(out_, path_ + ": 7 bytes\n");
  EXPECT_EQ(Part(), "absent");
}

TEST_F(TraceTest, ARefusedRecordingLeavesTheFileAsItWas) {
  admin_.is_recording = true;
  EXPECT_EQ(Record(), 3);
  EXPECT_EQ(err_, "foregate: ALREADY_EXISTS: a trace is being recorded\n");
  EXPECT_EQ(Content(), "before");
  EXPECT_EQ(Part(), "absent");
  admin_.is_recording = false;
  EXPECT_EQ(Run({"trace", "stop", "-o", path_.c_str()}), 3);
  EXPECT_EQ(Content(), "before");
}

TEST_F(TraceTest, WhatArrivedOfABrokenFetchIsKept) {
  admin_.breaks = true;
  EXPECT_EQ(Record(), 1);
  EXPECT_NE(err_.find("what arrived of the trace is in " + path_ + ".part"), std::string::npos) << err_;
  EXPECT_EQ(Content(), "before");
  EXPECT_EQ(Part(), "one ");
}

TEST_F(TraceTest, AServerThatRecordsCsvOnlyIsToldToStop) {
  admin_.is_old = true;
  EXPECT_EQ(Record(), 1);
  EXPECT_NE(err_.find("UNIMPLEMENTED: this server records routing traces as CSV only"), std::string::npos) << err_;
  EXPECT_FALSE(admin_.is_recording);
  EXPECT_EQ(Content(), "before");
  EXPECT_EQ(Run({"trace", "start"}), 0) << err_;
  EXPECT_EQ(Run({"trace", "stop"}), 0) << err_;
  EXPECT_EQ(out_, "one two");
}

TEST_F(TraceTest, NoTraceGoesToATerminal) {
  admin_.is_recording = true;
  out_is_terminal_ = true;
  EXPECT_EQ(Run({"trace", "stop"}), 2);
  EXPECT_NE(err_.find("want -o FILE"), std::string::npos) << err_;
  EXPECT_TRUE(admin_.is_recording) << "it can be fetched still";
  EXPECT_EQ(Run({"trace", "stop", "-o", path_.c_str()}), 0) << err_;
  EXPECT_EQ(Content(), "one two");
  EXPECT_EQ(Run({"trace", "stop", "-o", "/nonexistent/t"}), 2);
  EXPECT_NE(err_.find("cannot write /nonexistent/t.part: No such file"), std::string::npos) << err_;
}

TEST_F(CommandsTest, StatusOfALoadingServerComesAtOnce) {
  discovery_.loading_answers = 1;
  EXPECT_EQ(Run({"status"}), 4);
  EXPECT_NE(out_.find("state    loading"), std::string::npos) << out_;
  EXPECT_NE(out_.find(" 25 %  1.0 MB of 4.0 MB"), std::string::npos) << out_;
  EXPECT_EQ(discovery_.load_calls, 1);
}

TEST_F(CommandsTest, StatusWaitsForTheModelWhenAsked) {
  discovery_.loading_answers = 2;
  EXPECT_EQ(Run({"status", "--wait"}), 0);
  EXPECT_NE(out_.find("state    ready, healthy"), std::string::npos) << out_;
  EXPECT_NE(out_.find("3 running"), std::string::npos) << out_;
}

TEST_F(CommandsTest, StatusWaitsForAServerThatDoesNotListenYet) {
  server_->Shutdown();
  const std::string address = address_;
  // Later than a call by itself tries again: 0.3 s.
  std::thread starter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    Serve(address);
  });
  const int exit_code = Run({"status", "--wait", "--timeout", "30"});
  starter.join();
  EXPECT_EQ(exit_code, 0) << err_;
  server_->Shutdown();
  EXPECT_EQ(Run({"status", "--wait", "--timeout", "0.5"}), 4);
  EXPECT_NE(err_.find("cannot reach " + address_), std::string::npos) << err_;
}

TEST_F(CommandsTest, StatusAsJson) {
  EXPECT_EQ(Run({"status", "--json"}), 0);
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["server"]["state"], "SERVER_STATE_READY");
  EXPECT_EQ(json["load"]["running_requests"], 3);
}

class TopTest : public CommandsTest {
 protected:
  TopTest() {
    server_->Shutdown();
    has_experts_ = true;
    discovery_.loading_answers = -1;  // ready, and asked before
    address_ = Serve("127.0.0.1:0");
  }
};

TEST_F(TopTest, OneFrameIsOfTwoAnswers) {
  EXPECT_EQ(Run({"top", "--once", "--json", "--interval", "0.05"}), 0) << err_;
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["running_requests"], 3);
  EXPECT_EQ(json["since_start"]["found"]["hits"], 20);
  EXPECT_EQ(json["now"]["found"]["hits"], 10);
  EXPECT_EQ(experts_.calls, 2);
}

TEST_F(TopTest, FramesEndWithAnErrorWhenTheServerIsGone) {
  experts_.end_after = 3;
  EXPECT_EQ(Run({"top", "--interval", "0.05"}), 4);
  EXPECT_NE(err_.find("UNAVAILABLE"), std::string::npos) << err_;
  size_t frames = 0;
  for (size_t at = 0; (at = out_.find("foregate top - scripted, ready", at)) != std::string::npos; ++at) ++frames;
  EXPECT_EQ(frames, 3u) << out_;
  EXPECT_EQ(out_.find('\x1b'), std::string::npos);
}

TEST_F(TopTest, AnInterruptIsHowOneLeaves) {
  std::thread interrupter([this] {
    while (experts_.calls == 0) std::this_thread::yield();
    interrupt_.cancellation()->Cancel();
  });
  EXPECT_EQ(Run({"top", "--interval", "3600"}), 130);
  interrupter.join();
  EXPECT_EQ(err_, "");
}

TEST_F(CommandsTest, AServiceThatIsNotThereIsExitCode1) { EXPECT_EQ(Run({"experts"}), 1); }

TEST_F(CommandsTest, NobodyListeningIsExitCode4AndSaysWhere) {
  server_->Shutdown();
  EXPECT_EQ(Run({"status", "--retry", "0"}), 4);
  EXPECT_NE(err_.find("cannot reach " + address_), std::string::npos) << err_;
}

}  // namespace
}  // namespace foregate
