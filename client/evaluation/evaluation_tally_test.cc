#include "client/evaluation/evaluation_tally.h"

#include <cmath>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TaskResult Result(const std::string& family, bool is_exact, const std::string& content = "") {
  TaskResult result;
  result.task_id = "id";
  result.family = family;
  result.is_exact = is_exact;
  result.reply.content = content;
  return result;
}

TaskResult Failed(const std::string& family) {
  TaskResult result = Result(family, false);
  result.status = absl::UnavailableError("gone");
  return result;
}

// Four tokens with an answer of two; `logprob` for each.
TaskResult Scored(float logprob, int32_t top = 1) {
  TaskResult result = Result("f", true);
  ScoredText scores;
  for (int32_t i = 0; i < 4; ++i) scores.tokens.push_back({i, logprob, {{top, -0.1F}}});
  scores.tokens[1].logprob = -3;
  scores.answer_begin = 2;
  scores.answer_end = 4;
  result.scores = scores;
  return result;
}

TEST(EvaluationTallyTest, TasksAndFamiliesCountTheSame) {
  EvaluationTally tally;
  EXPECT_FALSE(tally.mean_family_accuracy().has_value());
  for (int i = 0; i < 9; ++i) tally.Add(Result("many", true));
  tally.Add(Result("few", false));
  tally.Add(Failed("few"));
  tally.Add(Failed("none"));
  ASSERT_EQ(tally.families().size(), 3u);
  EXPECT_EQ(tally.families()[0].name, "many");
  EXPECT_EQ(tally.families()[1].num_failed, 1);
  EXPECT_EQ(tally.families()[1].num_answered, 1);
  EXPECT_FALSE(tally.families()[2].accuracy().has_value());
  EXPECT_EQ(tally.overall().num_failed, 2);
  EXPECT_DOUBLE_EQ(*tally.overall().accuracy(), 0.9);
  EXPECT_DOUBLE_EQ(*tally.mean_family_accuracy(), 0.5);
}

TEST(EvaluationTallyTest, PerplexityIsOfTheMeanSurprise) {
  EvaluationTally tally;
  tally.Add(Scored(-0.5F));
  tally.Add(Scored(-1.5F));
  const FamilyScore& family = tally.families()[0];
  EXPECT_EQ(family.answer_tokens.num_tokens, 4);
  EXPECT_NEAR(*family.answer_tokens.perplexity(), std::exp(1.0), 1e-9);
  EXPECT_EQ(family.all_tokens.num_tokens, 6);
  EXPECT_NEAR(*family.all_tokens.perplexity(), std::exp((3 + 0.5 + 0.5 + 3 + 1.5 + 1.5) / 6), 1e-9);
  EXPECT_FALSE(TextScore().perplexity().has_value());
}

TEST(EvaluationTallyTest, PairsAreCounted) {
  EvaluationTally tally;
  EXPECT_TRUE(tally.AddPair(Result("f", true, "x"), Result("f", true, "x")).ok());
  EXPECT_TRUE(tally.AddPair(Result("f", true, "x"), Result("f", false, "y")).ok());
  EXPECT_TRUE(tally.AddPair(Result("g", false, "y"), Result("g", true, "x")).ok());
  EXPECT_TRUE(tally.AddPair(Result("g", false, "y"), Result("g", false, "y")).ok());
  EXPECT_TRUE(tally.AddPair(Failed("g"), Result("g", false)).ok());
  EXPECT_TRUE(tally.AddPair(Result("g", false), Failed("g")).ok());
  const FamilyScore overall = tally.overall();
  EXPECT_EQ(overall.pairs.both, 1);
  EXPECT_EQ(overall.pairs.only_reference, 1);
  EXPECT_EQ(overall.pairs.only_this, 1);
  EXPECT_EQ(overall.pairs.neither, 1);
  EXPECT_EQ(overall.num_same_reply, 2);
  EXPECT_EQ(overall.num_unpaired, 2);
}

TEST(EvaluationTallyTest, TextsAreComparedTokenByToken) {
  EvaluationTally tally;
  EXPECT_TRUE(tally.AddPair(Scored(-0.5F, 1), Scored(-1.5F, 2)).ok());
  const FamilyScore overall = tally.overall();
  EXPECT_NEAR(*overall.answer_comparison.perplexity_ratio(), std::exp(1.0), 1e-9);
  EXPECT_NEAR(*overall.all_comparison.perplexity_ratio(), std::exp(2.0 / 3), 1e-9);
  EXPECT_GT(*overall.answer_comparison.mean_divergence(), 0.1);
  EXPECT_EQ(*overall.all_comparison.same_top_share(), 0);
  EXPECT_EQ(overall.all_comparison.num_tokens, 3);

  EvaluationTally same;
  EXPECT_TRUE(same.AddPair(Scored(-0.5F), Scored(-0.5F)).ok());
  EXPECT_EQ(*same.overall().all_comparison.mean_divergence(), 0);
  EXPECT_EQ(*same.overall().all_comparison.same_top_share(), 1);
}

TEST(EvaluationTallyTest, OtherTokensAreAnError) {
  EvaluationTally tally;
  TaskResult other = Scored(-1);
  other.scores->tokens[2].token_id = 77;
  absl::Status status = tally.AddPair(Scored(-1), other);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(status.message().find("token 2 is 2 there and 77 here"), std::string::npos) << status;
  other = Scored(-1);
  other.scores->tokens.push_back(other.scores->tokens[3]);
  EXPECT_NE(tally.AddPair(Scored(-1), other).message().find("4 there and 5 here"), std::string::npos);
  other = Scored(-1);
  other.scores->answer_end = 3;
  EXPECT_NE(tally.AddPair(Scored(-1), other).message().find("elsewhere"), std::string::npos);
}

}  // namespace
}  // namespace foregate
