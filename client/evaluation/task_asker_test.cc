#include "client/evaluation/task_asker.h"

#include <limits>

#include "gtest/gtest.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;
using Scores = google::protobuf::RepeatedPtrField<pb::TokenLogprobs>;

Scores Prompt(const std::vector<int32_t>& ids) {
  Scores scores;
  for (const int32_t id : ids) {
    pb::TokenLogprobs* token = scores.Add();
    token->mutable_token()->set_token_id(id);
    if (scores.size() == 1) continue;
    token->set_has_logprob(true);
    token->mutable_token()->set_logprob(-1);
    token->add_top()->set_token_id(id + 100);
  }
  return scores;
}

google::protobuf::RepeatedField<int32_t> Ids(const std::vector<int32_t>& ids) { return {ids.begin(), ids.end()}; }

TEST(ScoresOfTest, TheAnswerEndsWithTheEndToken) {
  const auto scores = ScoresOf(Prompt({1, 2, 3, 40, 41, 9, 10}), Ids({1, 2, 3}), {9});
  ASSERT_TRUE(scores.ok()) << scores.status();
  EXPECT_EQ(scores->tokens.size(), 7u);
  EXPECT_EQ(scores->answer_begin, 3u);
  EXPECT_EQ(scores->answer_end, 6u);
  EXPECT_EQ(scores->tokens[3].token_id, 40);
  EXPECT_EQ(scores->tokens[3].logprob, -1);
  ASSERT_EQ(scores->tokens[3].top.size(), 1u);
  EXPECT_EQ(scores->tokens[3].top[0].token_id, 140);
  EXPECT_TRUE(scores->tokens[0].top.empty());
}

TEST(ScoresOfTest, WithoutAnEndTokenItEndsWithThePrompt) {
  EXPECT_EQ(ScoresOf(Prompt({1, 2, 40}), Ids({1, 2}), {9})->answer_end, 3u);
}

TEST(ScoresOfTest, ATokenThatJoinsQuestionAndAnswerIsTheAnswers) {
  EXPECT_EQ(ScoresOf(Prompt({1, 2, 33, 9}), Ids({1, 2, 3}), {9})->answer_begin, 2u);
}

TEST(ScoresOfTest, ATemplateThatHidesTheAnswer) {
  EXPECT_TRUE(absl::IsFailedPrecondition(ScoresOf(Prompt({1, 2}), Ids({1, 2, 3}), {}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ScoresOf(Prompt({1, 2}), Ids({5}), {}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ScoresOf({}, Ids({}), {}).status()));
}

TEST(ScoresOfTest, WhatIsNoScoreIsAnError) {
  Scores scores = Prompt({1, 2, 3});
  scores.Mutable(2)->mutable_token()->set_logprob(-std::numeric_limits<float>::infinity());
  EXPECT_TRUE(absl::IsInternal(ScoresOf(scores, Ids({1, 2}), {}).status()));
  scores = Prompt({1, 2, 3});
  scores.Mutable(1)->clear_has_logprob();
  EXPECT_TRUE(absl::IsInternal(ScoresOf(scores, Ids({1, 2}), {}).status()));
  scores = Prompt({1, 2, 3});
  scores.Mutable(1)->mutable_token()->set_logprob(1e-7F);
  scores.Mutable(1)->mutable_top(0)->set_logprob(-std::numeric_limits<float>::infinity());
  const auto read = ScoresOf(scores, Ids({1, 2}), {});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->tokens[1].logprob, 0);
  EXPECT_TRUE(read->tokens[1].top.empty());
}

}  // namespace
}  // namespace foregate
