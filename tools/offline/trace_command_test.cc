#include "tools/offline/trace_command.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

class TraceCommandTest : public testing::Test {
 protected:
  // 2 layers of 8 experts, top-2: an expert that is always chosen, and one of the others in turn.
  TraceCommandTest() {
    std::ofstream csv(Path("t.csv"));
    csv << "step,layer,position,expert_0,expert_1\n";
    for (int step = 0; step < 40; ++step)
      for (const int layer : {1, 3})
        csv << step << "," << layer << "," << step << ",0," << 1 + (step + layer) % 7 << "\n";
  }

  static std::string Path(const std::string& name) { return testing::TempDir() + "/trace_command_" + name; }
  static std::string Content(const std::string& name) {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  // What the command says and, in `out`, what it prints.
  static absl::Status Run(std::vector<std::string> arguments, std::string* out) {
    CLI::App app;
    const OfflineCommand command = AddTraceCommand(&app);
    arguments.insert(arguments.begin(), "trace");
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    testing::internal::CaptureStdout();
    const absl::Status status = command();
    *out = testing::internal::GetCapturedStdout();
    return status;
  }
  absl::Status Import() { return Run({"import", Path("t.csv"), "-o", Path("t.fgr"), "--expert-bytes", "1KiB"}, &out_); }

  std::string out_;
};

TEST_F(TraceCommandTest, ExportIsReadBackAsTheSameFile) {
  ASSERT_TRUE(Import().ok());
  ASSERT_TRUE(Run({"export", Path("t.fgr"), "--format", "csv", "-o", Path("back.csv")}, &out_).ok());
  EXPECT_NE(out_.find("80 visits"), std::string::npos) << out_;
  ASSERT_TRUE(Run({"import", Path("back.csv"), "-o", Path("back.fgr")}, &out_).ok());
  EXPECT_EQ(Content("back.fgr"), Content("t.fgr"));
  ASSERT_TRUE(Run({"export", Path("t.fgr")}, &out_).ok());
  EXPECT_EQ(out_, Content("back.csv"));
  EXPECT_EQ(Run({"export", Path("none.fgr")}, &out_).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TraceCommandTest, ImportThenSummary) {
  ASSERT_TRUE(Import().ok());
  EXPECT_NE(out_.find("80 visits"), std::string::npos) << out_;
  ASSERT_TRUE(Run({"summary", Path("t.fgr"), "--json"}, &out_).ok());
  const nlohmann::json summary = nlohmann::json::parse(out_);
  EXPECT_EQ(summary["expert_bytes"], 2 * 8 * 1024);
  EXPECT_EQ(summary["layers"][1]["layer"], 3);
  EXPECT_EQ(summary["decode_rows"], 39);
  EXPECT_EQ(summary["reused_percent"], 50);
  ASSERT_TRUE(Run({"summary", Path("t.fgr")}, &out_).ok());
  EXPECT_NE(out_.find("2 MoE layers, 8 experts, top-2"), std::string::npos) << out_;
}

TEST_F(TraceCommandTest, ReplayAsTableJsonAndPlot) {
  ASSERT_TRUE(Import().ok());
  ASSERT_TRUE(Run({"replay", Path("t.fgr"), "--memory", "18.75,50", "--json", "--plot", Path("t.svg"), "--bandwidth",
                   "1MB", "--expert-us", "100"},
                  &out_)
                  .ok());
  const nlohmann::json report = nlohmann::json::parse(out_);
  const nlohmann::json& results = report["traces"][0]["results"];
  ASSERT_EQ(results.size(), 8u);
  // 3 slots, a round wants 4: least recently used finds nothing, the expected use keeps the two that always come.
  EXPECT_EQ(results[0]["policy"], "lru");
  EXPECT_EQ(results[0]["hits"], 0);
  EXPECT_EQ(results[2]["policy"], "expected");
  EXPECT_GT(results[2]["hits"], 60);
  EXPECT_EQ(results[3]["policy"], "belady");
  EXPECT_EQ(results[3]["gap_closed_percent"], 100);
  EXPECT_EQ(results[0]["bytes_read"], 160 * 1024);
  EXPECT_NEAR(results[0]["compute_seconds"].get<double>(), 0.016, 1e-9);
  EXPECT_GT(results[0]["blocking_stall_seconds"], results[0]["stall_seconds"]);
  EXPECT_EQ(results[0]["layer_groups"].size(), 2u);
  const std::string svg = Content("t.svg");
  EXPECT_TRUE(svg.starts_with("<svg "));
  for (const char* policy : {"lru", "lfu", "expected", "belady"})
    EXPECT_NE(svg.find(std::string(">") + policy + "<"), std::string::npos) << policy;

  ASSERT_TRUE(
      Run({"replay", Path("t.fgr"), Path("t.fgr"), "--streams", "2", "--memory", "50", "--policy", "expected,lru"},
          &out_)
          .ok());
  EXPECT_NE(out_.find("2 streams"), std::string::npos) << out_;
  EXPECT_NE(out_.find("mean of 2 traces"), std::string::npos) << out_;
  EXPECT_EQ(out_.find("belady"), std::string::npos) << out_;
}

TEST_F(TraceCommandTest, WhatCannotBeDoneIsSaid) {
  EXPECT_NE(Run({"import", Path("absent.csv"), "-o", Path("x.fgr")}, &out_).message().find("No such file"),
            std::string::npos);
  EXPECT_NE(Run({"summary", Path("t.csv")}, &out_).message().find("no routing trace"), std::string::npos);
  ASSERT_TRUE(Import().ok());
  EXPECT_NE(Run({"replay", Path("t.fgr"), "--policy", "fifo"}, &out_).message().find("no policy fifo"),
            std::string::npos);
  EXPECT_NE(Run({"replay", Path("t.fgr"), "--memory", "5"}, &out_).message().find("do not hold two"),
            std::string::npos);
  EXPECT_NE(Run({"replay", Path("t.fgr"), "--streams", "41"}, &out_).message().find("41 streams"), std::string::npos);
  // A failed import leaves what was there.
  std::ofstream(Path("bad.csv")) << "step,layer,position,expert_0\n0,0,0,1\n0,0,x,1\n";
  EXPECT_NE(Run({"import", Path("bad.csv"), "-o", Path("t.fgr")}, &out_).message().find("line 3"), std::string::npos);
  EXPECT_TRUE(Run({"summary", Path("t.fgr")}, &out_).ok());
  EXPECT_TRUE(Content("t.fgr.part").empty());
}

TEST_F(TraceCommandTest, StreamsTakeTurnsOrDoNot) {
  ASSERT_TRUE(Run({"make", "-o", Path("made.fgr"), "--layers", "4", "--experts", "64", "--top-k", "4", "--expert-bytes",
                   "1MB", "--streams", "8", "--tokens", "200", "--topics", "2", "--strength", "1000"},
                  &out_)
                  .ok());
  EXPECT_NE(out_.find("800 visits"), std::string::npos) << out_;
  const std::vector<std::string> replay = {"replay", Path("made.fgr"), "--streams", "8",     "--memory",
                                           "50,100", "--affinity",     "16",        "--json"};
  EXPECT_NE(Run(replay, &out_).message().find("bandwidth"), std::string::npos);
  std::vector<std::string> timed = replay;
  timed.insert(timed.end(), {"--bandwidth", "1GB", "--expert-us", "100", "--layer-us", "100", "--after", "400"});
  ASSERT_TRUE(Run(timed, &out_).ok());
  const nlohmann::json report = nlohmann::json::parse(out_);
  ASSERT_EQ(report["lines"].size(), 2u);
  EXPECT_GT(report["lines"][0]["ratio"], 1.2);
  EXPECT_EQ(report["lines"][1]["ratio"], 1) << "everything fits";
  timed.insert(timed.end(), {"--policy", "lru", "--request-us", "10", "--request-size", "1KiB", "--in-flight", "1MiB",
                             "--no-governor", "--transfer-ratio", "1", "--lead", "2"});
  const std::string why(Run(timed, &out_).message());
  EXPECT_TRUE(why.starts_with("--affinity: ")) << why;
  EXPECT_TRUE(why.ends_with(
      "with --policy, --lead, --no-governor, --transfer-ratio, --request-us, --request-size, --in-flight"))
      << why;
  const auto refused = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"make", "-o", Path("x.fgr")});
    const absl::Status status = Run(flags, &out_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_NE(refused({"--experts", "4", "--top-k", "8"}).find("top-8 of 4 experts"), std::string::npos);
  EXPECT_EQ(refused({"--streams", "1024", "--tokens", "100000"}),
            "--layers 16 x --top-k 8 x --streams 1024 x --tokens 100000 are more than 134217728 choices");
}

TEST_F(TraceCommandTest, TurnsOfALongTraceSayThatItIsCut) {
  ASSERT_TRUE(Run({"make", "-o", Path("long.fgr"), "--layers", "1", "--experts", "8", "--top-k", "1", "--expert-bytes",
                   "1MB", "--streams", "8", "--tokens", "8193"},
                  &out_)
                  .ok());
  testing::internal::CaptureStderr();
  ASSERT_TRUE(Run({"replay", Path("long.fgr"), "--streams", "8", "--memory", "50", "--affinity", "4", "--bandwidth",
                   "1GB", "--expert-us", "100"},
                  &out_)
                  .ok());
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: " + Path("long.fgr") + ": only the first 65536 tokens are replayed\n");
}

TEST_F(TraceCommandTest, ReplayWithPrefetches) {
  ASSERT_TRUE(Import().ok());
  ASSERT_TRUE(Run({"replay", Path("t.fgr"), "--memory", "50", "--bandwidth", "1MB", "--prefetch",
                   "committed,speculation:80,predictor", "--transfer-ratio", "1", "--layer-share", "0.3", "--after",
                   "20", "--repeat", "2", "--request-size", "512", "--json"},
                  &out_)
                  .ok());
  const nlohmann::json report = nlohmann::json::parse(out_);
  EXPECT_EQ(report["after_tokens"], 20);
  const nlohmann::json& results = report["traces"][0]["memories"][0]["results"];
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[0]["source"], "lru");
  EXPECT_EQ(results[1]["times_demand"], 1);
  EXPECT_EQ(results[2]["source"], "committed");
  EXPECT_GT(results[2]["times_demand"], 1);
  EXPECT_GT(results[2]["times_blocking_lru"], results[2]["times_lru"]);
  EXPECT_GT(results[2]["committed_bytes"], 0);
  EXPECT_EQ(results[2]["wasted_bytes"], 0);
  EXPECT_GT(results[3]["tokens_per_second"], 0);
  EXPECT_EQ(results[5]["source"], "belady");

  ASSERT_TRUE(Run({"replay", Path("t.fgr"), "--memory", "25,50", "--bandwidth", "1MB", "--expert-us", "500",
                   "--layer-us", "100", "--prefetch", "predictor", "--no-governor", "--streams", "2"},
                  &out_)
                  .ok());
  EXPECT_NE(out_.find("t, virtual time, 2 streams"), std::string::npos) << out_;
  EXPECT_NE(out_.find("x blocking"), std::string::npos) << out_;

  const auto message = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"replay", Path("t.fgr"), "--memory", "50"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return std::string(Run(arguments, &out_).message());
  };
  EXPECT_NE(message({"--prefetch", "committed"}).find("--bandwidth"), std::string::npos);
  for (const char* source : {"oracle", "speculation:", "speculation:120", "speculation:8x"})
    EXPECT_NE(message({"--prefetch", source, "--bandwidth", "1MB"}).find(source), std::string::npos);
  EXPECT_NE(message({"--prefetch", "committed", "--bandwidth", "1MB", "--policy", "lru"}).find("policy expected"),
            std::string::npos);
  EXPECT_NE(
      message({"--prefetch", "committed", "--bandwidth", "1MB", "--transfer-ratio", "1", "--after", "99"}).find("99"),
      std::string::npos);
}

TEST_F(TraceCommandTest, ATornTraceIsReplayedUpToTheTear) {
  ASSERT_TRUE(Import().ok());
  const std::string whole = Content("t.fgr");
  std::ofstream(Path("torn.fgr"), std::ios::binary) << whole.substr(0, whole.size() - 24);
  testing::internal::CaptureStderr();
  EXPECT_TRUE(Run({"replay", Path("torn.fgr"), "--memory", "50"}, &out_).ok());
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_NE(warning.find("torn at offset"), std::string::npos) << warning;
  EXPECT_NE(warning.find("80 visits"), std::string::npos) << warning;
}

}  // namespace
}  // namespace foregate
