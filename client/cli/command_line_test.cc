#include "client/cli/command_line.h"

#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

std::variant<CommandLine, ParseMessage> Parse(std::vector<const char*> args) {
  args.insert(args.begin(), "foregate");
  return ParseCommandLine(static_cast<int>(args.size()), args.data());
}

CommandLine ParseOk(std::vector<const char*> args) {
  auto parsed = Parse(std::move(args));
  if (const auto* message = std::get_if<ParseMessage>(&parsed)) {
    ADD_FAILURE() << message->text;
    return {};
  }
  return std::get<CommandLine>(parsed);
}

std::string ParseError(std::vector<const char*> args) {
  const auto parsed = Parse(std::move(args));
  const auto* message = std::get_if<ParseMessage>(&parsed);
  if (message == nullptr) return "accepted";
  EXPECT_EQ(message->exit_code, 2);
  return message->text;
}

TEST(CommandLineTest, DefaultsLeaveEverythingToTheServer) {
  const CommandLine line = ParseOk({"generate", "hello"});
  EXPECT_EQ(line.command, Command::kGenerate);
  EXPECT_EQ(line.text, "hello");
  EXPECT_TRUE(line.stream);
  EXPECT_TRUE(line.add_special_tokens);
  EXPECT_EQ(line.connection.address, "127.0.0.1:50051");
  EXPECT_FALSE(line.connection.tls);
  EXPECT_FALSE(line.options.sampling().has_temperature());
  EXPECT_FALSE(line.options.sampling().has_seed());
  EXPECT_FALSE(line.options.stop().has_max_tokens());
  EXPECT_FALSE(line.options.output().has_logprobs());
  EXPECT_FALSE(line.options.has_num_samples());
}

TEST(CommandLineTest, TopHasAnIntervalAndOneFrame) {
  CommandLine line = ParseOk({"top"});
  EXPECT_EQ(line.command, Command::kTop);
  EXPECT_FALSE(line.once);
  EXPECT_EQ(line.interval_s, 1);
  line = ParseOk({"top", "--once", "--interval", "0.5", "--json"});
  EXPECT_TRUE(line.once);
  EXPECT_TRUE(line.json);
  EXPECT_EQ(line.interval_s, 0.5);
  EXPECT_NE(ParseError({"top", "--interval", "0"}).find("--interval"), std::string::npos);
}

TEST(CommandLineTest, EvalHasFlagsOfItsOwn) {
  const CommandLine plain = ParseOk({"eval", "t.jsonl"});
  EXPECT_EQ(plain.command, Command::kEval);
  EXPECT_EQ(plain.evaluation.task_file, "t.jsonl");
  EXPECT_EQ(plain.evaluation.concurrency, 8);
  EXPECT_FALSE(plain.evaluation.limit.has_value());
  const CommandLine line = ParseOk({"eval",
                                    "-",
                                    "--family",
                                    "a,b",
                                    "--family",
                                    "c",
                                    "--limit",
                                    "5",
                                    "--json",
                                    "j",
                                    "--save",
                                    "s",
                                    "--against",
                                    "r",
                                    "--prompt-logprobs",
                                    "--max-tokens",
                                    "9",
                                    "--concurrency",
                                    "2",
                                    "--address",
                                    "h:1"});
  EXPECT_EQ(line.evaluation.families, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(line.evaluation.limit, 5);
  EXPECT_EQ(line.evaluation.json_file, "j");
  EXPECT_FALSE(line.json);
  EXPECT_EQ(line.evaluation.save_file, "s");
  EXPECT_EQ(line.evaluation.reference_file, "r");
  EXPECT_TRUE(line.evaluation.prompt_logprobs);
  EXPECT_EQ(line.evaluation.max_tokens, 9);
  EXPECT_EQ(line.evaluation.concurrency, 2);
  EXPECT_EQ(line.connection.address, "h:1");
  EXPECT_TRUE(ParseOk({"--json", "eval", "t"}).json);
  EXPECT_EQ(ParseOk({"eval", "--family", "a", "t.jsonl"}).evaluation.task_file, "t.jsonl");
  EXPECT_NE(ParseError({"eval"}).find("tasks"), std::string::npos);
  EXPECT_NE(ParseError({"eval", "t", "--concurrency", "0"}).find("--concurrency"), std::string::npos);
}

TEST(CommandLineTest, EverySamplingFlagReachesItsField) {
  const CommandLine line = ParseOk({"generate",
                                    "--ids",
                                    "1,2,3",
                                    "--temperature",
                                    "0.5",
                                    "--top-k",
                                    "7",
                                    "--top-p",
                                    "0.9",
                                    "--min-p",
                                    "0.1",
                                    "--repetition-penalty",
                                    "1.2",
                                    "--presence-penalty",
                                    "-1.5",
                                    "--frequency-penalty",
                                    "0.25",
                                    "--logit-bias",
                                    "5:-100",
                                    "--logit-bias",
                                    "6:2.5",
                                    "--seed",
                                    "18446744073709551615",
                                    "--max-tokens",
                                    "9",
                                    "--min-tokens",
                                    "2",
                                    "--stop",
                                    "a",
                                    "--stop",
                                    "b",
                                    "--stop-id",
                                    "4",
                                    "--ignore-eos",
                                    "--include-stop",
                                    "--logprobs",
                                    "3",
                                    "--prompt-logprobs",
                                    "0",
                                    "--keep-special",
                                    "-n",
                                    "2",
                                    "--priority",
                                    "-3",
                                    "--cache-salt",
                                    "s",
                                    "--stats",
                                    "--no-stream",
                                    "--no-special-tokens",
                                    "--request-id",
                                    "r1",
                                    "--model",
                                    "m"});
  EXPECT_EQ(line.ids, (std::vector<int32_t>{1, 2, 3}));
  const auto& sampling = line.options.sampling();
  EXPECT_FLOAT_EQ(sampling.temperature(), 0.5f);
  EXPECT_EQ(sampling.top_k(), 7);
  EXPECT_FLOAT_EQ(sampling.top_p(), 0.9f);
  EXPECT_FLOAT_EQ(sampling.min_p(), 0.1f);
  EXPECT_FLOAT_EQ(sampling.repetition_penalty(), 1.2f);
  EXPECT_FLOAT_EQ(sampling.presence_penalty(), -1.5f);
  EXPECT_FLOAT_EQ(sampling.frequency_penalty(), 0.25f);
  EXPECT_FLOAT_EQ(sampling.logit_bias().at(5), -100.0f);
  EXPECT_FLOAT_EQ(sampling.logit_bias().at(6), 2.5f);
  EXPECT_EQ(sampling.seed(), UINT64_MAX);
  const auto& stop = line.options.stop();
  EXPECT_EQ(stop.max_tokens(), 9);
  EXPECT_EQ(stop.min_tokens(), 2);
  ASSERT_EQ(stop.stop_strings_size(), 2);
  EXPECT_EQ(stop.stop_strings(1), "b");
  EXPECT_EQ(stop.stop_token_ids(0), 4);
  EXPECT_TRUE(stop.ignore_eos());
  EXPECT_TRUE(stop.include_stop_string());
  const auto& output = line.options.output();
  EXPECT_EQ(output.logprobs(), 3);
  EXPECT_TRUE(output.has_prompt_logprobs());
  EXPECT_TRUE(output.has_skip_special_tokens());
  EXPECT_FALSE(output.skip_special_tokens());
  EXPECT_TRUE(output.expert_stats());
  EXPECT_EQ(line.options.num_samples(), 2);
  EXPECT_EQ(line.options.priority(), -3);
  EXPECT_EQ(line.options.cache_salt(), "s");
  EXPECT_FALSE(line.stream);
  EXPECT_FALSE(line.add_special_tokens);
  EXPECT_EQ(line.request_id, "r1");
  EXPECT_EQ(line.model, "m");
}

TEST(CommandLineTest, GlobalFlagsStandBeforeOrAfterTheCommand) {
  EXPECT_EQ(ParseOk({"--address", "h:1", "status"}).connection.address, "h:1");
  EXPECT_EQ(ParseOk({"status", "--address", "h:2", "--json"}).connection.address, "h:2");
  EXPECT_TRUE(ParseOk({"trace", "start", "--json"}).json);
  EXPECT_EQ(ParseOk({"--address", "h:1", "status", "--address", "h:2"}).connection.address, "h:2");
}

TEST(CommandLineTest, ACertificateMeansTls) {
  EXPECT_TRUE(ParseOk({"status", "--tls-ca", "ca.pem"}).connection.tls);
  EXPECT_TRUE(ParseOk({"status", "--tls"}).connection.tls);
}

TEST(CommandLineTest, AdminCommands) {
  EXPECT_EQ(ParseOk({"abort", "r9"}).request_id, "r9");
  EXPECT_EQ(ParseOk({"drain", "--drain-timeout", "2.5"}).drain_timeout_s, 2.5);
  EXPECT_EQ(ParseOk({"trace", "start", "--max-bytes", "10"}).max_bytes, 10);
  EXPECT_EQ(ParseOk({"trace", "stop", "-o", "f.csv"}).output_file, "f.csv");
  EXPECT_EQ(ParseOk({"trace", "stop"}).command, Command::kTraceStop);
  const CommandLine record = ParseOk({"trace", "record", "-o", "f.fgr", "--seconds", "2.5", "--max-bytes", "1MiB"});
  EXPECT_EQ(record.command, Command::kTraceRecord);
  EXPECT_EQ(record.output_file, "f.fgr");
  EXPECT_EQ(record.record_seconds, 2.5);
  EXPECT_EQ(record.max_bytes, 1 << 20);
}

TEST(CommandLineTest, WrongUsageNamesWhatIsWrong) {
  EXPECT_NE(ParseError({}).find("subcommand"), std::string::npos);
  EXPECT_NE(ParseError({"sing"}).find("sing"), std::string::npos);
  EXPECT_NE(ParseError({"chat", "--topk", "3"}).find("--topk"), std::string::npos);
  EXPECT_NE(ParseError({"chat", "--top-k", "many"}).find("--top-k"), std::string::npos);
  EXPECT_NE(ParseError({"generate", "hi", "--ids", "1"}).find("--ids"), std::string::npos);
  EXPECT_NE(ParseError({"status", "--tls-cert", "c"}).find("--tls-key"), std::string::npos);
  EXPECT_NE(ParseError({"status", "--token", "t", "--token-file", "f"}).find("--token"), std::string::npos);
  EXPECT_NE(ParseError({"status", "--timeout", "-1"}).find("--timeout"), std::string::npos);
  EXPECT_NE(ParseError({"abort"}).find("id"), std::string::npos);
}

TEST(CommandLineTest, LogitBiasIsChecked) {
  for (const char* bias : {"", "5", "5:", ":5", "x:1", "5:1x", "5:nan", "5:inf", "99999999999:1"}) {
    EXPECT_NE(ParseError({"generate", "hi", "--logit-bias", bias}).find("--logit-bias"), std::string::npos) << bias;
  }
}

TEST(CommandLineTest, HelpGoesOutWithExitCodeZero) {
  for (const std::vector<const char*>& args :
       {std::vector<const char*>{"--help"}, std::vector<const char*>{"generate", "--help"}}) {
    const auto parsed = Parse(args);
    const auto* message = std::get_if<ParseMessage>(&parsed);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->exit_code, 0);
    EXPECT_NE(message->text.find("--help"), std::string::npos);
  }
}

TEST(CommandLineTest, PackIsHandedOnAsItIs) {
  const CommandLine line = ParseOk({"pack", "--model", "m", "--json", "--timeout=3", "--help", "x"});
  EXPECT_EQ(line.command, Command::kPack);
  EXPECT_EQ(line.arguments, (std::vector<std::string>{"--model", "m", "--json", "--timeout=3", "--help", "x"}));
  EXPECT_FALSE(line.json);
}

TEST(CommandLineTest, TracesAreReadOffline) {
  const CommandLine line = ParseOk({"trace", "replay", "a.fgr", "--json", "--memory", "5,25", "--help"});
  EXPECT_EQ(line.command, Command::kTraceOffline);
  EXPECT_EQ(line.arguments, (std::vector<std::string>{"replay", "a.fgr", "--json", "--memory", "5,25", "--help"}));
  EXPECT_FALSE(line.json);
  EXPECT_EQ(ParseOk({"trace", "export", "a.fgr"}).arguments, (std::vector<std::string>{"export", "a.fgr"}));
  EXPECT_EQ(ParseOk({"plan", "--model", "m"}).command, Command::kPlan);
  EXPECT_EQ(ParseOk({"trace", "import", "a.csv", "-o", "a.fgr"}).arguments,
            (std::vector<std::string>{"import", "a.csv", "-o", "a.fgr"}));
  EXPECT_EQ(ParseOk({"trace", "make", "-o", "a.fgr"}).arguments, (std::vector<std::string>{"make", "-o", "a.fgr"}));
  EXPECT_EQ(ParseOk({"trace", "summary"}).arguments, (std::vector<std::string>{"summary"}));
}

}  // namespace
}  // namespace foregate
