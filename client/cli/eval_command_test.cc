// `foregate eval` against a small scripted server on a loopback socket.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <thread>

#include "client/cli/commands.h"
#include "foregate/discovery/v1/discovery.grpc.pb.h"
#include "foregate/inference/v1/inference.grpc.pb.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;
using Json = nlohmann::json;

constexpr int32_t kEnd = 2;

// Renders a message as its characters and kEnd. Replies in capitals; to "call" with a call of the first tool, to "fail"
// not at all, to "wait" when it is cancelled.
class ScriptedInference final : public pb::InferenceService::Service {
 public:
  grpc::Status RenderChat(grpc::ServerContext*, const pb::RenderChatRequest* request,
                          pb::RenderChatResponse* response) override {
    for (const int32_t id : Ids(request->conversation())) response->add_token_ids(id);
    return grpc::Status::OK;
  }

  grpc::Status Chat(grpc::ServerContext* context, const pb::ChatRequest* request, pb::ChatResponse* response) override {
    const pb::Conversation& conversation = request->conversation();
    const std::string& text = conversation.messages(0).content();
    if (text == "fail") return {grpc::StatusCode::INVALID_ARGUMENT, "no"};
    while (text == "wait" && !context->IsCancelled()) {
      is_waiting = true;
      std::this_thread::yield();
    }
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    if (request->options().output().has_prompt_logprobs()) Score(*request, response);
    pb::AssistantMessage* message = response->add_samples()->mutable_message();
    if (text == "call") {
      message->add_tool_calls()->set_name(conversation.tools(0).name());
      message->mutable_tool_calls(0)->set_arguments_json(R"({"x": 1})");
      return grpc::Status::OK;
    }
    for (const char c : text) *message->mutable_content() += static_cast<char>(std::toupper(c));
    *message->mutable_content() += "\n";
    return grpc::Status::OK;
  }

  std::atomic<float> logprob{-1};
  std::atomic<int32_t> id_shift{0};
  std::atomic<bool> is_waiting{false};

 private:
  std::vector<int32_t> Ids(const pb::Conversation& conversation) const {
    std::vector<int32_t> ids;
    for (const pb::ChatMessage& message : conversation.messages()) {
      for (const char c : message.content()) ids.push_back(c + id_shift);
      for (const pb::ToolCall& call : message.tool_calls()) {
        for (const char c : call.arguments_json()) ids.push_back(c);
      }
      ids.push_back(kEnd);
    }
    return ids;
  }

  void Score(const pb::ChatRequest& request, pb::ChatResponse* response) const {
    EXPECT_FALSE(request.conversation().add_generation_prompt());
    EXPECT_EQ(request.options().stop().max_tokens(), 1);
    for (const int32_t id : Ids(request.conversation())) {
      pb::TokenLogprobs* scored = response->add_prompt_logprobs();
      scored->mutable_token()->set_token_id(id);
      if (response->prompt_logprobs_size() == 1) continue;
      scored->set_has_logprob(true);
      scored->mutable_token()->set_logprob(logprob);
      *scored->add_top() = scored->token();
    }
  }
};

class ScriptedDiscovery final : public discovery::v1::DiscoveryService::Service {
 public:
  grpc::Status GetServerInfo(grpc::ServerContext*, const discovery::v1::GetServerInfoRequest*,
                             discovery::v1::GetServerInfoResponse* response) override {
    response->set_version("1");
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const discovery::v1::GetModelRequest*,
                        discovery::v1::GetModelResponse* response) override {
    response->set_name("scripted");
    response->mutable_capabilities()->set_chat(has_chat);
    response->mutable_capabilities()->set_prompt_logprobs(true);
    response->mutable_limits()->set_max_logprobs(20);
    response->mutable_tokenizer()->add_eos_token_ids(kEnd);
    return grpc::Status::OK;
  }

  std::atomic<bool> has_chat{true};
};

std::string Task(const std::string& prompt, const std::string& answer, const std::string& family = "f") {
  return Json{{"family", family}, {"prompt", prompt}, {"answer", answer}}.dump() + "\n";
}

class EvalTest : public testing::Test {
 protected:
  EvalTest() : folder_(testing::TempDir() + "/eval_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&inference_);
    builder.RegisterService(&discovery_);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~EvalTest() override {
    server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }

  int Run(std::vector<std::string> words, const std::string& input) {
    words.insert(words.begin(), {"foregate", "--address", address_, "eval", "-"});
    std::vector<const char*> args;
    for (const std::string& word : words) args.push_back(word.c_str());
    const auto parsed = ParseCommandLine(static_cast<int>(args.size()), args.data());
    if (const auto* message = std::get_if<ParseMessage>(&parsed)) {
      ADD_FAILURE() << message->text;
      return -1;
    }
    std::istringstream in(input);
    std::ostringstream out, err;
    const Session session{
        .line = std::get<CommandLine>(parsed), .in = in, .out = out, .err = err, .interrupt = &interrupt_};
    const int code = RunCommand(session);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return file.is_open() ? std::string(std::istreambuf_iterator<char>(file), {}) : "absent";
  }

  const std::string folder_;
  ScriptedInference inference_;
  ScriptedDiscovery discovery_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  Interrupt interrupt_;
  std::string out_, err_;
};

TEST_F(EvalTest, RepliesAreJudged) {
  EXPECT_EQ(Run({"--json", "-"}, Task("a", "A") + Task("b", "b") + Task("c", "C", "g")), 0) << err_;
  const Json json = Json::parse(out_);
  EXPECT_EQ(json["all"]["exact"], 2);
  EXPECT_EQ(json["all"]["answered"], 3);
  EXPECT_EQ(json["families"][1]["accuracy"], 1);
  EXPECT_EQ(json["run"]["model"], "scripted");
  EXPECT_TRUE(json["all"]["perplexity"]["all"].is_null());
  EXPECT_NE(err_.find("3 of 3 tasks"), std::string::npos);
  EXPECT_EQ(err_.find('\x1b'), std::string::npos);
}

TEST_F(EvalTest, ACallIsJudged) {
  const std::string task =
      R"({"family":"tools","prompt":"call","tools":[{"name":"look"}],"tool_call":{"name":"look","arguments":{"x":1}}})";
  EXPECT_EQ(Run({"--json", "-", "--prompt-logprobs"}, task), 0) << err_;
  const Json json = Json::parse(out_);
  EXPECT_EQ(json["all"]["exact"], 1);
  EXPECT_NEAR(json["all"]["perplexity"]["answer"].get<double>(), std::exp(1.0), 1e-6);
}

TEST_F(EvalTest, AFailureIsNamedAndCounted) {
  EXPECT_EQ(Run({"--save", Path("r")}, Task("a", "A") + Task("fail", "A", "g")), 3);
  EXPECT_NE(err_.find("foregate: the task at line 2 (g) failed: INVALID_ARGUMENT: no\n"), std::string::npos) << err_;
  EXPECT_NE(out_.find("all tasks         1       1    100.0"), std::string::npos) << out_;
  EXPECT_NE(Content(Path("r")).find("\"error\":\"INVALID_ARGUMENT: no\""), std::string::npos);
}

TEST_F(EvalTest, ARunIsComparedWithItselfAndWithAnother) {
  const std::string tasks = Task("a", "A") + Task("b", "B") + Task("c", "x");
  EXPECT_EQ(Run({"--prompt-logprobs", "--save", Path("r")}, tasks), 0) << err_;
  const std::string other_order = Task("c", "x") + Task("a", "A") + Task("b", "B");
  EXPECT_EQ(Run({"--prompt-logprobs", "--against", Path("r"), "--json", Path("j")}, other_order), 0) << err_;
  Json against = Json::parse(Content(Path("j")))["all"]["against"];
  EXPECT_EQ(against["same_reply"], 3);
  EXPECT_EQ(against["all"]["kl_bound"], 0);
  EXPECT_EQ(against["all"]["perplexity_ratio"], 1);
  EXPECT_NE(out_.find("against " + Path("r")), std::string::npos);
  inference_.logprob = -2;
  EXPECT_EQ(Run({"--prompt-logprobs", "--against", Path("r"), "--json", "-"}, tasks), 0) << err_;
  against = Json::parse(out_)["all"]["against"];
  EXPECT_NEAR(against["answer"]["perplexity_ratio"].get<double>(), std::exp(1.0), 1e-6);
  EXPECT_GT(against["answer"]["kl_bound"], 0);
}

TEST_F(EvalTest, ReadingOtherTokensIsAnError) {
  EXPECT_EQ(Run({"--prompt-logprobs", "--save", Path("r")}, Task("a", "A")), 0) << err_;
  inference_.id_shift = 1;
  EXPECT_EQ(Run({"--prompt-logprobs", "--against", Path("r"), "--save", Path("s")}, Task("a", "A")), 2);
  EXPECT_NE(err_.find("token 0 is 97 there and 98 here"), std::string::npos) << err_;
  EXPECT_EQ(Content(Path("s")), "absent");
}

TEST_F(EvalTest, ResultsAreTheSameHoweverManyAreAskedAtATime) {
  std::string tasks;
  for (int i = 0; i < 300; ++i) tasks += Task("word " + std::to_string(i), "WORD 7");
  EXPECT_EQ(Run({"--concurrency", "1", "--save", Path("one")}, tasks), 0) << err_;
  EXPECT_EQ(Run({"--concurrency", "16", "--save", Path("many")}, tasks), 0) << err_;
  EXPECT_EQ(Content(Path("one")), Content(Path("many")));
}

TEST_F(EvalTest, BadFilesAreWrongUsageAndAskNothing) {
  EXPECT_EQ(Run({}, "{}"), 2);
  EXPECT_EQ(err_, "foregate: standard input line 1: family is missing\n");
  EXPECT_EQ(Run({"--against", "/nonexistent/r"}, Task("a", "A")), 2);
  EXPECT_EQ(err_, "foregate: cannot read /nonexistent/r: No such file or directory\n");
  EXPECT_EQ(Run({"--against", folder_}, Task("a", "A")), 2);
  EXPECT_EQ(Run({"--save", "/nonexistent/r"}, Task("a", "A")), 2);
  EXPECT_EQ(Run({"--save", Path("r"), "--limit", "1"}, Task("a", "A") + Task("b", "B")), 0);
  EXPECT_EQ(Run({"--against", Path("r")}, Task("a", "A") + Task("b", "B")), 2);
  EXPECT_NE(err_.find("it lacks 1 of 2, the first at line 2 (f)"), std::string::npos) << err_;
}

TEST_F(EvalTest, AModelWithoutChatIsRefused) {
  discovery_.has_chat = false;
  EXPECT_EQ(Run({}, Task("a", "A")), 3);
  EXPECT_NE(err_.find("no chat template"), std::string::npos);
}

TEST_F(EvalTest, AServerThatIsGoneIsToldOnce) {
  server_->Shutdown();
  EXPECT_EQ(Run({"--retry", "0"}, Task("a", "A")), 4);
  EXPECT_NE(err_.find("cannot reach"), std::string::npos) << err_;
}

TEST_F(EvalTest, AnInterruptKeepsWhatThereIs) {
  std::thread interrupter([this] {
    while (!inference_.is_waiting) std::this_thread::yield();
    interrupt_.cancellation()->Cancel();
  });
  EXPECT_EQ(Run({"--save", Path("r"), "--concurrency", "1"}, Task("a", "A") + Task("wait", "A") + Task("b", "B")), 130);
  interrupter.join();
  EXPECT_NE(out_.find("INTERRUPTED"), std::string::npos) << out_;
  EXPECT_NE(out_.find("all tasks         1       0    100.0"), std::string::npos) << out_;
  EXPECT_EQ(err_.substr(err_.rfind("foregate:")),
            "foregate: interrupted; the results so far are in " + Path("r") + ".part\n");
  EXPECT_EQ(Content(Path("r")), "absent");
  EXPECT_NE(Content(Path("r.part")).find("\"content\":\"A\""), std::string::npos);
}

}  // namespace
}  // namespace foregate
