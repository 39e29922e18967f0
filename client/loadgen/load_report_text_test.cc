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
