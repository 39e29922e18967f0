#include "tools/offline/plan_command.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/moe/trace/route_trace_writer.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

class PlanCommandTest : public testing::Test {
 protected:
  static std::string Path(const std::string& name) { return testing::TempDir() + "/plan_command_" + name; }

  // After what is given.
  absl::Status Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), given_.begin(), given_.end());
    CLI::App app;
    const OfflineCommand command = AddPlanCommand(&app);
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    testing::internal::CaptureStdout();
    const absl::Status status = command();
    out_ = testing::internal::GetCapturedStdout();
    return status;
  }
  nlohmann::json Json() const { return nlohmann::json::parse(out_); }

  // The embedded model, with rates as given: nothing is measured.
  std::vector<std::string> given_ = {"plan", "--model",   "models/mini", "--bandwidth",        "1.25GB", "--gops",
                                     "200",  "--streams", "1,4",         "--memory-bandwidth", "40GB"};
  std::string out_;
};

TEST_F(PlanCommandTest, AllExpertsStayWhereThereIsRoom) {
  const absl::Status status = Run({"--memory", "8GiB", "--json"});
  ASSERT_TRUE(status.ok()) << status;
  const nlohmann::json plan = Json();
  EXPECT_EQ(plan["memory"]["limit_bytes"], uint64_t{8} << 30);
  EXPECT_EQ(plan["memory"]["slots"], plan["memory"]["experts"]);
  EXPECT_EQ(plan["disk_bytes_per_second"], 0);
  ASSERT_EQ(plan["decode"].size(), 2u);
  EXPECT_EQ(plan["decode"][0]["bound"], "computing");
  EXPECT_EQ(plan["decode"][0]["read_bytes_per_token"], 0);
  EXPECT_GT(plan["decode"][1]["tokens_per_second"], plan["decode"][0]["tokens_per_second"]);
}

TEST_F(PlanCommandTest, OneByteLessReadsExperts) {
  ASSERT_TRUE(Run({"--memory", "8GiB", "--json"}).ok());
  const uint64_t all_resident = Json()["memory"]["all_resident_bytes"];
  const absl::Status status =
      Run({"--memory", std::to_string(all_resident - 1), "--json", "--engine.expert_prefetch=off"});
  ASSERT_TRUE(status.ok()) << status;
  const nlohmann::json plan = Json();
  EXPECT_LT(plan["memory"]["slots"], plan["memory"]["experts"]);
  EXPECT_EQ(plan["memory"]["all_resident_bytes"], all_resident);
  EXPECT_EQ(plan["disk_bytes_per_second"], 1.25e9);
  EXPECT_EQ(plan["read_ahead"], "");
  EXPECT_GT(plan["decode"][0]["read_bytes_per_token"], 0);
  EXPECT_LT(plan["decode"][0]["tokens_per_second"], plan["decode"][0]["resident_tokens_per_second"]);
  EXPECT_EQ(plan["decode"][0]["tokens_per_second"], plan["decode"][0]["demand_tokens_per_second"]);
  ASSERT_TRUE(Run({"--memory", "8GiB", "--expert-memory", "50%"}).ok());
  EXPECT_NE(out_.find("of them right (assumed)"), std::string::npos) << out_;
  EXPECT_NE(out_.find("uniform, the worst case"), std::string::npos) << out_;
  EXPECT_NE(out_.find("all experts stay from"), std::string::npos) << out_;
}

TEST_F(PlanCommandTest, RatesAndContextHaveToBePossible) {
  const auto message = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"--memory", "8GiB"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    given_ = {"plan", "--model", "models/mini", "--streams", "1"};
    const absl::Status status = Run(arguments);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_TRUE(message({"--bandwidth=-1GB"}).starts_with("--bandwidth: want more than 0"));
  EXPECT_TRUE(message({"--memory-bandwidth=-1GB"}).starts_with("--memory-bandwidth: want more than 0"));
  EXPECT_TRUE(message({"--gops=0"}).starts_with("--gops: want more than 0"));
  EXPECT_TRUE(message({"--gops=nan"}).starts_with("--gops: want more than 0"));
  const std::string why =
      message({"--context", "65", "--engine.max_sequence_tokens=64", "--bandwidth", "1GB", "--gops", "1"});
  EXPECT_TRUE(why.starts_with("--context: a sequence has up to 64 tokens")) << why;
}

TEST_F(PlanCommandTest, SaysWhichRatesWereGiven) {
  given_ = {"plan", "--model", "models/mini", "--bandwidth", "1.25GB", "--gops", "200", "--streams", "1,100"};
  absl::Status status = Run({"--memory", "8GiB", "--json"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Json()["computing"], "as given");
  EXPECT_TRUE(Json()["reading"].get<std::string>().starts_with("measured just now by ")) << out_;
  status = Run({"--memory", "8GiB", "--expert-memory", "50%", "--engine.max_running_requests", "64",
                "--engine.max_sequence_tokens=64", "--engine.kv_bytes", "1000000"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_NE(out_.find("200 GOP/s, as given"), std::string::npos) << out_;
  EXPECT_NE(out_.find("disk: 1.25 GB/s, as given (assumed: 16 reads of 1024 KiB at once); experts get 85 % of it"),
            std::string::npos)
      << out_;
  for (const char* note :
       {"foregated will want model.cache_dir", "engine.max_running_requests lets 64 streams", "the KV cache holds "})
    EXPECT_NE(out_.find(note), std::string::npos) << note << "\n" << out_;
}

TEST_F(PlanCommandTest, ATraceMustBeOfTheModelsShape) {
  const TraceHeader header{
      .source = "", .layers = {{0, 1}, {1, 1}}, .num_experts = 8, .top_k = 2, .has_weights = false};
  std::ofstream file(Path("other.fgr"), std::ios::binary);
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file << bytes;
    return absl::OkStatus();
  });
  ASSERT_TRUE(writer->Finish().ok());
  file.close();
  const absl::Status status = Run({"--memory", "8GiB", "--trace", Path("other.fgr")});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("2 layers of 8 experts, top-2; the model has 6 layers of"), std::string::npos)
      << status;
  EXPECT_EQ(Run({"--memory", "8GiB", "--trace", Path("none.fgr")}).code(), absl::StatusCode::kNotFound);
}

TEST_F(PlanCommandTest, WhatDoesNotFitAndWhatIsUnknownIsSaid) {
  absl::Status status = Run({"--memory", "50%"});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("--memory 50% of the weights"), std::string::npos) << status;
  status = Run({"--memory", "8GiB", "--no-such-flag", "3"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("--no-such-flag: unknown flag"), std::string::npos) << status;
  EXPECT_EQ(Run({"--memory", "x%"}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Run({"--memory", "0%"}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace foregate
