#include "client/evaluation/evaluation_report.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

TaskResult Result(const std::string& family, bool is_exact, bool has_scores) {
  TaskResult result;
  result.family = family;
  result.is_exact = is_exact;
  if (has_scores) {
    ScoredText scores;
    scores.tokens = {{1, 0, {}}, {2, 0, {{2, 0}}}};
    scores.answer_begin = 1;
    scores.answer_end = 2;
    result.scores = scores;
  }
  return result;
}

EvaluationReport Report(bool has_scores) {
  EvaluationReport report;
  report.task_file = "t.jsonl";
  report.num_tasks = 4;
  report.seconds = 2;
  report.own = {.model = "m",
                .weights_format = "int4",
                .numeric_contract = "c",
                .server_version = "1",
                .max_tokens = 9,
                .num_top = {}};
  if (has_scores) report.own.num_top = 20;
  for (const bool is_exact : {true, true, true, false}) {
    report.tally.Add(Result(is_exact ? "right" : "wrong", is_exact, has_scores));
  }
  return report;
}

void Compare(bool has_scores, EvaluationReport* report) {
  report->reference_file = "r.jsonl";
  report->reference = report->own;
  for (const bool is_exact : {true, true, true, false}) {
    const TaskResult result = Result(is_exact ? "right" : "wrong", is_exact, has_scores);
    ASSERT_TRUE(report->tally.AddPair(Result(result.family, true, has_scores), result).ok());
  }
}

TEST(EvaluationReportTest, ALinePerFamily) {
  EXPECT_EQ(EvaluationTable(Report(false)),
            "m (int4) on foregated 1, c\n"
            "t.jsonl: 4 tasks, greedy, replies of at most 9 tokens, in 2.0 s\n"
            "\n"
            "family            n  failed  exact %  95 % interval\n"
            "right             3       0    100.0  43.9 to 100.0\n"
            "wrong             1       0      0.0    0.0 to 79.3\n"
            "all tasks         4       0     75.0   30.1 to 95.4\n"
            "mean of families                50.0\n");
}

TEST(EvaluationReportTest, WhatWasLeftOutIsSaid) {
  EvaluationReport report = Report(true);
  report.num_repeated = 3;
  report.is_whole = false;
  const std::string table = EvaluationTable(report);
  EXPECT_NE(table.find("3 repeated tasks"), std::string::npos);
  EXPECT_NE(table.find("INTERRUPTED"), std::string::npos);
  EXPECT_NE(table.find("perplexity: answer     all\n"), std::string::npos) << table;
}

TEST(EvaluationReportTest, AComparison) {
  EvaluationReport report = Report(true);
  Compare(true, &report);
  const std::string table = EvaluationTable(report);
  EXPECT_NE(table.find("\nagainst r.jsonl: m (int4)"), std::string::npos) << table;
  EXPECT_NE(table.find("all tasks      4         100.0            -25.0"), std::string::npos) << table;
  EXPECT_NE(table.find("lower bound of KL(reference || this)"), std::string::npos);
  EXPECT_NE(table.find("Newcombe"), std::string::npos);
  EvaluationReport without = Report(false);
  Compare(false, &without);
  EXPECT_EQ(EvaluationTable(without).find("KL"), std::string::npos);
}

TEST(EvaluationReportTest, Json) {
  EvaluationReport report = Report(true);
  const std::string alone = EvaluationJson(report);
  EXPECT_EQ(alone.find('\n'), alone.size() - 1);
  EXPECT_TRUE(nlohmann::json::parse(alone)["against"].is_null());
  Compare(true, &report);
  const auto json = nlohmann::json::parse(EvaluationJson(report));
  EXPECT_EQ(json["tasks"]["count"], 4);
  EXPECT_EQ(json["run"]["num_top"], 20);
  EXPECT_EQ(json["all"]["exact"], 3);
  EXPECT_EQ(json["all"]["accuracy"], 0.75);
  EXPECT_EQ(json["all"]["perplexity"]["answer"], 1.0);
  EXPECT_EQ(json["all"]["against"]["change"], -0.25);
  EXPECT_EQ(json["all"]["against"]["all"]["kl_bound"], 0);
  EXPECT_EQ(json["families"][1]["family"], "wrong");
  EXPECT_EQ(json["mean_family_accuracy"], 0.5);
  EXPECT_EQ(json["against"]["file"], "r.jsonl");
}

TEST(EvaluationProgressTest, ALogGetsALinePerTenth) {
  EvaluationProgress progress(200, /*draws=*/false);
  int num_lines = 0;
  std::string last;
  for (int i = 0; i < 200; ++i) {
    const std::string text = progress.Next(i % 2 == 0, i >= 196, 1 + i);
    if (text.empty()) continue;
    ++num_lines;
    last = text;
  }
  EXPECT_EQ(num_lines, 10);
  EXPECT_EQ(last, "200 of 200 tasks, 50.0 % exact, 4 failed, 1.0 tasks/s\n");
  EXPECT_EQ(progress.Clear(), "");
}

TEST(EvaluationProgressTest, ATerminalIsDrawnOver) {
  EvaluationProgress progress(3, /*draws=*/true);
  EXPECT_EQ(progress.Next(true, false, 1), "\r1 of 3 tasks, 100.0 % exact, 1.0 tasks/s\x1b[K");
  EXPECT_EQ(progress.Next(true, false, 1.01), "");
  EXPECT_NE(progress.Next(true, false, 1.02), "") << "the last is always drawn";
  EXPECT_EQ(progress.Clear(), "\r\x1b[K");
  EXPECT_EQ(progress.Clear(), "");
}

}  // namespace
}  // namespace foregate
