#include "client/loadgen/load_report_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

LoadReport Report() {
  RequestRecord good(0, 0, 10);
  good.AddTokens(0.25, 1);
  good.AddTokens(0.30, 1);
  good.End(0.5, absl::StatusCode::kOk);
  RequestRecord bad(0, 0, 10);
  bad.End(1, absl::StatusCode::kResourceExhausted);
  return Summarize({good, bad}, {});
}

const LoadedServer kServer = {"0.1.0", "model \xff", "bf16", "avx2", 2};

TEST(LoadReportText, JsonHasTheShapeThatTheHeaderStates) {
  LoadFlags flags;
  flags.plan.rate = 2;
  flags.plan.prompt = {8, 16};
  flags.target.ttft = 0.2;
  const auto json = nlohmann::json::parse(LoadJson(flags, kServer, Report()));
  EXPECT_EQ(json["load"]["loop"], "open");
  EXPECT_EQ(json["load"]["rate"], 2.0);
  EXPECT_EQ(json["load"]["prompt_tokens"], nlohmann::json({8, 16}));
  EXPECT_EQ(json["server"]["threads"], 2);
  EXPECT_EQ(json["requests"]["sent"], 2);
  EXPECT_EQ(json["requests"]["errors"]["RESOURCE_EXHAUSTED"], 1);
  EXPECT_NEAR(json["ttft_ms"]["p99"], 250, 1e-6);
  EXPECT_NEAR(json["itl_ms"]["p50"], 50, 1e-4);
  EXPECT_NEAR(json["e2e_ms"]["max"], 500, 1e-6);
  EXPECT_EQ(json["output_tokens_per_s"], 2.0);
  EXPECT_NEAR(json["goodput"]["slo_ttft_ms"], 200, 1e-9);
  EXPECT_TRUE(json["goodput"]["slo_itl_ms"].is_null());
  flags.plan.rate = 0;
  EXPECT_TRUE(nlohmann::json::parse(LoadJson(flags, kServer, {}))["requests"]["errors"].is_object());
}

TEST(LoadReportText, LongPromptsHaveTheirOwnPart) {
  LoadFlags flags;
  EXPECT_TRUE(nlohmann::json::parse(LoadJson(flags, kServer, Report()))["long_prompts"].is_null());
  EXPECT_THAT(LoadTable(flags, kServer, Report()), Not(HasSubstr("long prompt")));
  flags.long_prompts = {2000, 3, 0.5};
  LoadReport report = Report();
  RequestRecord sent(0.26, 0.26, 2000);
  sent.AddTokens(0.4, 1);
  sent.End(0.4, absl::StatusCode::kOk);
  RequestRecord stream(0, 0, 10);
  for (const double time : {0.1, 0.2, 0.5}) stream.AddTokens(time, 1);
  stream.End(0.5, absl::StatusCode::kOk);
  report.long_prompts = SummarizeLongPrompts({sent, RequestRecord()}, {stream});
  const auto json = nlohmann::json::parse(LoadJson(flags, kServer, report))["long_prompts"];
  EXPECT_EQ(json["tokens"], 2000);
  EXPECT_EQ(json["count"], 3);
  EXPECT_EQ(json["gap_s"], 0.5);
  EXPECT_EQ(json["sent"], 1);
  EXPECT_TRUE(json["errors"].is_object());
  EXPECT_NEAR(json["ttft_ms"]["p50"], 140, 1e-6);
  EXPECT_NEAR(json["itl_ms_in_flight"]["p99"], 300, 1e-3);
  EXPECT_NEAR(json["itl_ms_otherwise"]["p50"], 100, 1e-3);
  EXPECT_NEAR(json["itl_p99_in_flight_over_p50_in_flight"], 1, 1e-6);
  EXPECT_NEAR(json["itl_p99_in_flight_over_p50_otherwise"], 3, 1e-5);
  const std::string table = LoadTable(flags, kServer, report);
  EXPECT_THAT(table, HasSubstr("1 of 3 long prompts of 2000 tokens sent, 1 succeeded\n"));
  EXPECT_THAT(table, HasSubstr("1.00 times its median, 3.00 times the median otherwise\n"));
}

TEST(LoadReportText, TheTableTellsErrorsAndGoodputWhenAskedFor) {
  LoadFlags flags;
  std::string table = LoadTable(flags, kServer, Report());
  EXPECT_THAT(table, HasSubstr("closed loop, 1 clients"));
  EXPECT_THAT(table, HasSubstr("2 sent, 1 succeeded, 0 sent late, in 1.0 s\n  RESOURCE_EXHAUSTED: 1\n"));
  EXPECT_THAT(table, HasSubstr("TTFT            250.0"));
  EXPECT_THAT(table, Not(HasSubstr("goodput")));
  flags.target.itl = 1;
  EXPECT_THAT(LoadTable(flags, kServer, Report()), HasSubstr("goodput"));
}

}  // namespace
}  // namespace foregate
