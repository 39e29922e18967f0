#include "client/evaluation/task_result.h"

#include "gtest/gtest.h"

namespace foregate {
namespace {

const std::string kId(32, 'a');

TaskResult Result() {
  TaskResult result;
  result.task_id = kId;
  result.family = "f";
  result.is_exact = true;
  result.reply = {"two \"words\"", {MakeTaskCall("look", R"({"a":[1]})"), MakeTaskCall("odd", "no JSON")}};
  ScoredText scores;
  scores.tokens = {{5, 0, {}}, {7, -0.1F, {{7, -0.1F}, {8, -3}}}, {9, -20, {{1, -1e-7F}}}};
  scores.answer_begin = 2;
  scores.answer_end = 3;
  result.scores = scores;
  return result;
}

std::string Fault(const std::string& line) {
  const auto result = ParseResultLine(line, "r line 2");
  return result.ok() ? "accepted" : std::string(result.status().message());
}

std::string TokensFault(const std::string& tokens) {
  return Fault(R"({"id":")" + kId + R"(","family":"f","exact":true,"content":"c","tokens":)" + tokens + "}");
}

TEST(TaskResultTest, ALineReadsBack) {
  const TaskResult result = Result();
  const auto read = ParseResultLine(ResultLine(result), "r line 2");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->task_id, result.task_id);
  EXPECT_EQ(read->family, result.family);
  EXPECT_TRUE(read->status.ok());
  EXPECT_TRUE(read->is_exact);
  EXPECT_EQ(read->reply, result.reply);
  EXPECT_EQ(read->scores, result.scores);
}

TEST(TaskResultTest, UnlikelyAlternativesAreLeftOut) {
  TaskResult result = Result();
  result.scores->tokens[1].top.push_back({100, -14});
  EXPECT_EQ(ResultLine(result), ResultLine(Result()));
}

TEST(TaskResultTest, AFailureIsKept) {
  TaskResult result = Result();
  result.status = absl::UnavailableError("gone");
  const auto read = ParseResultLine(ResultLine(result), "r line 2");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->status.message(), "UNAVAILABLE: gone");
  EXPECT_FALSE(read->scores.has_value());
}

TEST(TaskResultTest, AHeaderReadsBack) {
  ResultsHeader header = {.model = "m",
                          .weights_format = "bf16",
                          .numeric_contract = "c",
                          .server_version = "1",
                          .max_tokens = 9,
                          .num_top = 20};
  EXPECT_EQ(*ParseHeaderLine(HeaderLine(header), "r line 1"), header);
  header.num_top.reset();
  EXPECT_EQ(*ParseHeaderLine(HeaderLine(header), "r line 1"), header);
}

TEST(TaskResultTest, HeaderFaults) {
  EXPECT_EQ(ParseHeaderLine("{}", "r line 1").status().message(),
            "r line 1: not the first line of what foregate eval --save writes");
  EXPECT_EQ(ParseHeaderLine(R"({"foregate_eval":2})", "r line 1").status().message(),
            "r line 1: foregate_eval is a version that this program cannot read");
  EXPECT_EQ(ParseHeaderLine(R"({"foregate_eval":1,"model":1})", "r line 1").status().message(),
            "r line 1: model must be a string, is number");
}

TEST(TaskResultTest, FaultsNamePlaceAndField) {
  EXPECT_EQ(Fault("x"), "r line 2: not JSON");
  EXPECT_EQ(Fault(R"({"id":"A"})"), "r line 2: id must have 32 hexadecimal digits");
  EXPECT_EQ(Fault(R"({"id":")" + kId + R"(","family":"f","content":"c"})"), "r line 2: exact must be true or false");
  EXPECT_EQ(Fault(R"({"id":")" + kId + R"(","family":"f","exact":true,"content":"c","x":1})"),
            "r line 2: \"x\" is not a field of this file");
}

TEST(TaskResultTest, TokensAreChecked) {
  EXPECT_EQ(TokensFault(R"({"ids":[1,2],"logprobs":[-1],"top":[[]],"answer":[1,2]})"), "accepted");
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "tokens must be an object"},
      {R"({"ids":[1],"logprobs":[],"top":[],"answer":[1,2]})", "ids must name two"},
      {R"({"ids":[1,-2],"logprobs":[-1],"top":[[]],"answer":[1,2]})", "ids must be a whole number"},
      {R"({"ids":[1,2147483648],"logprobs":[-1],"top":[[]],"answer":[1,2]})", "ids must be a whole number"},
      {R"({"ids":[1,2],"logprobs":[],"top":[[]],"answer":[1,2]})", "logprobs must be one for each"},
      {R"({"ids":[1,2],"logprobs":[1],"top":[[]],"answer":[1,2]})", "logprobs must be a number that is not"},
      {R"({"ids":[1,2],"logprobs":[-1e300],"top":[[]],"answer":[1,2]})", "logprobs must be a number that is not"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[[3]],"answer":[1,2]})", "top must hold arrays"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[3],"answer":[1,2]})", "top must hold arrays"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[[3,-1,3,-2]],"answer":[1,2]})", "top names a token twice"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[[]],"answer":[0,2]})", "answer must span"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[[]],"answer":[2,2]})", "answer must span"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[[]],"answer":[1,3]})", "answer must be a whole number from 0 to 2"},
      {R"({"ids":[1,2],"logprobs":[-1],"top":[[]]})", "answer must be an array"}};
  for (const auto& [tokens, fault] : cases) EXPECT_NE(TokensFault(tokens).find(fault), std::string::npos) << tokens;
}

}  // namespace
}  // namespace foregate
