#include "client/evaluation/reference_results.h"

#include <sstream>

#include "gtest/gtest.h"

namespace foregate {
namespace {

const ResultsHeader kHeader = {.model = "m",
                               .weights_format = "bf16",
                               .numeric_contract = "c",
                               .server_version = "1",
                               .max_tokens = 9,
                               .num_top = {}};

EvaluationTask Task(char id, int64_t line) {
  EvaluationTask task;
  task.id = std::string(32, id);
  task.family = "f";
  task.line = line;
  return task;
}

std::string Line(char id, const std::string& content) {
  TaskResult result;
  result.task_id = std::string(32, id);
  result.family = "f";
  result.reply.content = content;
  return ResultLine(result) + "\n";
}

absl::StatusOr<std::unique_ptr<ReferenceResults>> Open(const std::string& text) {
  return ReferenceResults::Open(std::make_unique<std::istringstream>(text), "r");
}

TEST(ReferenceResultsTest, ResultsAreFoundByTask) {
  const auto results = Open(HeaderLine(kHeader) + "\n" + Line('a', "one") + "\n" + Line('b', "two"));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)->header(), kHeader);
  EXPECT_EQ((*results)->Read(std::string(32, 'b'))->reply.content, "two");
  EXPECT_EQ((*results)->Read(std::string(32, 'a'))->reply.content, "one");
  EXPECT_TRUE(absl::IsNotFound((*results)->Read(std::string(32, 'c')).status()));
  EXPECT_TRUE((*results)->CheckComparable({Task('b', 1), Task('a', 2)}, kHeader).ok());
}

TEST(ReferenceResultsTest, WhatDiffersIsSaid) {
  const auto results = Open(HeaderLine(kHeader) + "\n" + Line('a', "one") + Line('b', "two"));
  ASSERT_TRUE(results.ok());
  EXPECT_EQ(
      (*results)->CheckComparable({Task('c', 4), Task('a', 5), Task('d', 6)}, kHeader).message(),
      "r cannot be compared with: the tasks are not the same (files, --family and --limit have to be); it lacks 2 "
      "of 3, the first at line 4 (f); it has 1 others, the first at its line 3");
  ResultsHeader own = kHeader;
  own.max_tokens = 10;
  EXPECT_EQ((*results)->CheckComparable({}, own).message(),
            "r cannot be compared with: it was saved with --max-tokens 9, this run has 10");
  own = kHeader;
  own.num_top = 20;
  EXPECT_EQ((*results)->CheckComparable({}, own).message(),
            "r cannot be compared with: it was saved without --prompt-logprobs");
}

TEST(ReferenceResultsTest, FaultsNameTheLine) {
  EXPECT_EQ(Open("").status().message(), "r: is empty");
  EXPECT_EQ(Open("{}").status().message(), "r line 1: not the first line of what foregate eval --save writes");
  EXPECT_EQ(Open(HeaderLine(kHeader) + "\n{").status().message(), "r line 2: not JSON");
  EXPECT_EQ(Open(HeaderLine(kHeader) + "\n" + Line('a', "") + Line('a', "")).status().message(),
            "r line 3: a second result of the task " + std::string(32, 'a'));
  ResultsHeader scored = kHeader;
  scored.num_top = 3;
  EXPECT_EQ(Open(HeaderLine(scored) + "\n" + Line('a', "")).status().message(),
            "r line 2: tokens are there or not, unlike the first line says");
}

}  // namespace
}  // namespace foregate
