#include "server/config/command_line.h"

#include <fstream>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

using ::testing::HasSubstr;

std::string WriteConfig(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << content;
  return path;
}

std::string Refusal(const std::vector<std::string>& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  EXPECT_FALSE(parsed.ok());
  return std::string(parsed.status().message());
}

TEST(CommandLine, NeedsOnlyAModel) {
  const auto parsed = ParseCommandLine({"--model", "/models/mini/"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->action, CommandLineAction::kServe);
  EXPECT_EQ(parsed->config.model().name(), "mini");
  EXPECT_EQ(parsed->config.listen().address(), "127.0.0.1:50051");
  EXPECT_THAT(Refusal({}), HasSubstr("--model"));
}

TEST(CommandLine, FlagsWinOverTheFileOverTheDefaults) {
  const std::string file = WriteConfig("wins.cfg", "engine { max_batch_tokens: 300 max_running_requests: 7 }\n");
  const auto parsed =
      ParseCommandLine({"--config=" + file, "--model", "m", "--engine.max-batch-tokens", "400", "--threads=2"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->config.engine().max_batch_tokens(), 400);
  EXPECT_EQ(parsed->config.engine().max_running_requests(), 7);
  EXPECT_EQ(parsed->config.engine().max_queued_requests(), 256);
  EXPECT_EQ(parsed->config.compute().threads(), 2);
}

TEST(CommandLine, BooleansNeedNoValue) {
  const auto parsed = ParseCommandLine({"--insecure", "--model", "m", "--engine.prefix_cache=false"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->config.listen().insecure());
  EXPECT_FALSE(parsed->config.engine().prefix_cache());
}

TEST(CommandLine, ReportsEveryProblemWithItsFlag) {
  const std::string refusal = Refusal({"--modell", "m", "--threads", "many", "stray", "--model"});
  EXPECT_THAT(refusal, HasSubstr("--modell: unknown flag"));
  EXPECT_THAT(refusal, HasSubstr("--threads: \"many\" is not an integer"));
  EXPECT_THAT(refusal, HasSubstr("unexpected argument \"stray\""));
  EXPECT_THAT(refusal, HasSubstr("--model: needs a value"));
}

TEST(CommandLine, NamesTheFlagThatIsOutOfRange) {
  EXPECT_EQ(Refusal({"--model=m", "--threads=5000"}), "--threads: 5000 is not within 0 and 1024");
  EXPECT_EQ(Refusal({"--model=m", "--engine.max_itl_stretch_percent=100001"}),
            "--engine.max_itl_stretch_percent: 100001 is not within 0 and 100000");
  EXPECT_THAT(Refusal({"--model=m", "--log-level=loud"}), HasSubstr("--log-level: \"loud\" is none of trace, debug"));
  EXPECT_THAT(
      Refusal({"--model=m", "--compute.affinity=3-1"}),
      HasSubstr("--compute.affinity: \"3-1\" is neither none nor auto nor a list of CPUs such as 0-3,8: \"3-1\""));
  EXPECT_THAT(Refusal({"--model=m", "--compute.affinity=0,2", "--threads=3"}),
              HasSubstr("--compute.affinity: 0,2 names 2 CPUs for compute.threads = 3"));
  EXPECT_THAT(Refusal({"--model=m", "--engine.kv_dtype=f16"}), HasSubstr("\"f16\" is none of f32, bf16"));
  EXPECT_THAT(Refusal({"--model=m", "--engine.expert_eviction=belady"}),
              HasSubstr("\"belady\" is none of expected, lru, lfu"));
  EXPECT_THAT(Refusal({"--model=m", "--compute.numa=all"}), HasSubstr("\"all\" is none of none, interleave, local"));
}

TEST(CommandLine, NamesThePlaceInTheFile) {
  const std::string unknown = WriteConfig("unknown.cfg", "engine {\n  max_batch_token: 3\n}\n");
  EXPECT_THAT(Refusal({"--config", unknown}), HasSubstr(unknown + ":2:"));
  EXPECT_THAT(Refusal({"--config", unknown}), HasSubstr("max_batch_token"));
  const std::string range = WriteConfig("range.cfg", "model { dir: \"m\" }\ncompute {\n  threads: -1\n}\n");
  EXPECT_EQ(Refusal({"--config", range}), range + ":3:3: compute.threads: -1 is not within 0 and 1024");
  const std::string syntax = WriteConfig("syntax.cfg", "engine { max_batch_tokens: \"many\" }");
  EXPECT_THAT(Refusal({"--config", syntax}), HasSubstr(syntax + ":1:"));
  EXPECT_THAT(Refusal({"--config", "/nonexistent.cfg"}), HasSubstr("/nonexistent.cfg: No such file"));
  EXPECT_THAT(Refusal({"--config", ::testing::TempDir()}), HasSubstr(::testing::TempDir()));
}

TEST(CommandLine, RefusesCombinationsThatCannotBeServed) {
  EXPECT_THAT(Refusal({"--model=m", "--listen=0.0.0.0:1"}), HasSubstr("--listen: \"0.0.0.0:1\" is reachable from"));
  EXPECT_THAT(Refusal({"--model=m", "--admin-listen=[::]:1"}), HasSubstr("--admin.insecure"));
  EXPECT_THAT(Refusal({"--model=m", "--tls-cert=c.pem"}), HasSubstr("--tls-cert: certificate and key go together"));
  EXPECT_THAT(Refusal({"--model=m", "--tls-client-ca=c.pem"}), HasSubstr("listen.tls.cert_file is not set"));
  EXPECT_THAT(Refusal({"--model=m", "--listen=localhost:5", "--admin-listen=localhost:5"}),
              HasSubstr("is also listen.address"));
  EXPECT_THAT(Refusal({"--model=m", "--engine.prefill_chunk_tokens=513"}), HasSubstr("more than a step holds"));
  EXPECT_THAT(Refusal({"--model=m", "--engine.max_itl_stretch_percent=100"}),
              HasSubstr("--engine.max_itl_stretch_percent: 100 leaves a prompt no time"));
  EXPECT_TRUE(ParseCommandLine({"--model=m", "--engine.max-itl-stretch-percent=0"}).ok());
  EXPECT_EQ(Refusal({"--model=m", "--engine.expert_affinity_steps=-1"}),
            "--engine.expert_affinity_steps: -1 is not within 0 and 1000");
  EXPECT_THAT(Refusal({"--model=m", "--memory=1GiB", "--engine.kv_bytes=1GiB"}), HasSubstr("leaves nothing"));
  for (const char* address : {"50051", "localhost", ":50051", "localhost:", "localhost:70000", "::1:5", "a:b"})
    EXPECT_THAT(Refusal({"--model=m", std::string("--listen=") + address}), HasSubstr("is not host:port")) << address;
}

TEST(CommandLine, AllowsABindBeyondLoopbackWithTlsOrPermission) {
  EXPECT_TRUE(ParseCommandLine({"--model=m", "--listen=0.0.0.0:1", "--insecure"}).ok());
  EXPECT_TRUE(ParseCommandLine({"--model=m", "--listen=0.0.0.0:1", "--tls-cert=c", "--tls-key=k"}).ok());
  EXPECT_TRUE(ParseCommandLine({"--model=m", "--listen=[::1]:1", "--admin-listen=localhost:0"}).ok());
}

TEST(CommandLine, PrintedConfigIsAConfigAgain) {
  const auto parsed = ParseCommandLine({"--print-config", "--model=x/y", "--memory=2GiB"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->action, CommandLineAction::kPrintConfig);
  const std::string printed = PrintServerConfig(parsed->config);
  EXPECT_THAT(printed, HasSubstr("# engine.kv_bytes is not set."));
  const auto again = ParseCommandLine({"--config", WriteConfig("again.cfg", printed)});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(parsed->config, again->config));
  EXPECT_TRUE(ParseCommandLine({"--print-config"}).ok());  // shows the defaults without a model
}

TEST(CommandLine, HelpNamesEveryFlagAndItsDefault) {
  const std::string help = HelpText();
  EXPECT_THAT(help, HasSubstr("--model, --model.dir VALUE"));
  EXPECT_THAT(help, HasSubstr("--engine.max_batch_tokens VALUE\n      Rows (tokens) per step. Default 512.\n"));
  EXPECT_EQ(ParseCommandLine({"-h"})->action, CommandLineAction::kHelp);
  EXPECT_EQ(ParseCommandLine({"--version"})->action, CommandLineAction::kVersion);
}

}  // namespace
}  // namespace foregate
