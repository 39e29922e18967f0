#include "client/evaluation/evaluation_task.h"

#include <sstream>

#include "gtest/gtest.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

constexpr char kTool[] = R"({"type":"function","function":{"name":"look","parameters":{"type":"object"}}})";

EvaluationTask Parse(const std::string& line) {
  absl::StatusOr<EvaluationTask> task = ParseTask(line, "t line 1");
  EXPECT_TRUE(task.ok()) << task.status();
  return task.ok() ? *std::move(task) : EvaluationTask();
}

std::string Fault(const std::string& line) {
  const absl::StatusOr<EvaluationTask> task = ParseTask(line, "t line 1");
  if (task.ok()) return "accepted";
  EXPECT_TRUE(absl::IsInvalidArgument(task.status()));
  return std::string(task.status().message());
}

std::string ToolTask(const std::string& call) {
  return R"({"family":"f","prompt":"p","tools":[)" + std::string(kTool) + R"(],"tool_call":)" + call + "}";
}

absl::StatusOr<TaskList> Read(const std::string& text, const TaskSelection& selection = {}) {
  std::istringstream file(text);
  return ReadTasks(&file, "t", selection);
}

TEST(ParseTaskTest, APromptIsOneUserMessage) {
  const EvaluationTask task = Parse(R"({"family": "add", "prompt": "1 + 1?", "answer": "2"})");
  EXPECT_EQ(task.family, "add");
  ASSERT_EQ(task.conversation.messages_size(), 1);
  EXPECT_EQ(task.conversation.messages(0).role(), pb::ROLE_USER);
  EXPECT_EQ(task.conversation.messages(0).content(), "1 + 1?");
  EXPECT_EQ(std::get<std::string>(task.answer), "2");
  EXPECT_EQ(task.right_message.role(), pb::ROLE_ASSISTANT);
  EXPECT_EQ(task.right_message.content(), "2");
}

TEST(ParseTaskTest, TheIdIsOfTheContent) {
  const std::string id = Parse(R"({"family":"add","prompt":"p","answer":"2"})").id;
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(id, Parse(R"( {"answer": "2", "family": "add", "messages": [{"role": "user", "content": "p"}]})").id);
  EXPECT_NE(id, Parse(R"({"family":"add","prompt":"p","answer":"3"})").id);
  EXPECT_NE(id, Parse(R"({"family":"sub","prompt":"p","answer":"2"})").id);
  EXPECT_NE(id, Parse(R"({"family":"add","prompt":"q","answer":"2"})").id);
}

TEST(ParseTaskTest, ToolsAndACall) {
  const EvaluationTask task = Parse(ToolTask(R"({"name":"look","arguments":{"z":1,"a":"b"}})"));
  ASSERT_EQ(task.conversation.tools_size(), 1);
  EXPECT_EQ(task.conversation.tools(0).name(), "look");
  EXPECT_EQ(std::get<TaskCall>(task.answer).name, "look");
  ASSERT_EQ(task.right_message.tool_calls_size(), 1);
  EXPECT_EQ(task.right_message.tool_calls(0).arguments_json(), R"({"z":1,"a":"b"})");
  EXPECT_FALSE(task.right_message.has_content());
}

TEST(ParseTaskTest, FaultsNamePlaceAndField) {
  EXPECT_EQ(Fault("{"), "t line 1: not JSON");
  EXPECT_EQ(Fault("[1]"), "t line 1: not a JSON object");
  EXPECT_EQ(Fault(std::string(100, '[')), "t line 1: nested deeper than 64");
  EXPECT_EQ(Fault(R"({"prompt":"p","answer":"2"})"), "t line 1: family is missing");
  EXPECT_EQ(Fault(R"({"family":"","prompt":"p","answer":"2"})"),
            "t line 1: family must have 1 to 64 bytes, none of them a control character");
  EXPECT_NE(Fault(R"({"family":"\u001b[2J","prompt":"p","answer":"2"})").find("control"), std::string::npos);
  EXPECT_EQ(Fault(R"({"family":"f","prompt":3,"answer":"2"})"), "t line 1: prompt must be a string, is number");
  EXPECT_EQ(Fault(R"({"family":"f","answer":"2"})"), "t line 1: wants either prompt or messages");
  EXPECT_EQ(Fault(R"({"family":"f","prompt":"p","messages":[],"answer":"2"})"),
            "t line 1: wants either prompt or messages");
  EXPECT_EQ(Fault(R"({"family":"f","messages":[],"answer":"2"})"), "t line 1: messages must not be empty");
  EXPECT_EQ(Fault(R"({"family":"f","messages":[{"role":"user","content":3}],"answer":"2"})"),
            "t line 1: messages[0].content must be a string, is number");
  EXPECT_EQ(Fault(R"({"family":"f","prompt":"p"})"), "t line 1: wants either answer or tool_call");
  EXPECT_EQ(Fault(R"({"family":"f","prompt":"p","answer":" 2"})"),
            "t line 1: answer has white space around it, which no reply is compared with");
  EXPECT_EQ(Fault(R"({"family":"f","prompt":"p","answer":""})"), "t line 1: answer must not be empty");
  EXPECT_EQ(Fault(R"({"family":"f","prompt":"p","answr":"2"})"), "t line 1: \"answr\" is not a field of this file");
  EXPECT_EQ(Fault(R"({"family":"f","prompt":"p","tool_call":{"name":"look","arguments":{}}})"),
            "t line 1: tool_call: name is none of the task's tools");
  EXPECT_EQ(Fault(ToolTask(R"({"name":"look","arguments":"{}"})")), "t line 1: tool_call: arguments must be an object");
  EXPECT_EQ(Fault(ToolTask(R"({"name":"look","arguments":{"a":)" + std::string(58, '[') + std::string(58, ']') + "}}")),
            "t line 1: tool_call: arguments are nested too deep");
}

TEST(ReadTasksTest, SelectsAndLeavesRepeatedTasksOut) {
  const std::string text =
      "{\"family\":\"a\",\"prompt\":\"1\",\"answer\":\"x\"}\n"
      "\n"
      "{\"family\":\"b\",\"prompt\":\"1\",\"answer\":\"x\"}\r\n"
      "{\"family\":\"a\",\"prompt\":\"1\",\"answer\":\"x\"}\n"
      "{\"family\":\"a\",\"prompt\":\"2\",\"answer\":\"x\"}\n"
      "{\"family\":\"a\",\"prompt\":\"3\",\"answer\":\"x\"}";
  const auto all = Read(text);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->tasks.size(), 4u);
  EXPECT_EQ(all->num_repeated, 1);
  EXPECT_EQ(all->tasks[1].line, 3);
  EXPECT_EQ(all->tasks[3].line, 6);
  const auto some = Read(text, {.families = {"a"}, .limit = 2});
  ASSERT_TRUE(some.ok());
  ASSERT_EQ(some->tasks.size(), 2u);
  EXPECT_EQ(some->tasks[1].line, 5);
  EXPECT_EQ(Read(text, {.families = {"a", "z"}, .limit = {}}).status().message(),
            "t: holds no task of the family \"z\"");
  EXPECT_EQ(Read("\n \n").status().message(), "t: holds no task");
  EXPECT_EQ(Read(text + "\n{}").status().message(), "t line 7: family is missing");
}

TEST(ReadTasksTest, LinesAreBounded) {
  const std::string line = "{\"family\":\"" + std::string(kMaxTaskLineBytes, 'x') + "\"}";
  EXPECT_EQ(Read(line).status().message(), "t line 1: longer than 4194304 bytes");
}

TEST(IsExactTest, ContentAloneIsCompared) {
  const EvaluationTask task = Parse(R"({"family":"f","prompt":"p","answer":"two words"})");
  EXPECT_TRUE(IsExact(task, {Stripped(" \ntwo words\t"), {}}));
  EXPECT_FALSE(IsExact(task, {"two  words", {}}));
  EXPECT_FALSE(IsExact(task, {"two words", {MakeTaskCall("look", "{}")}}));
  EXPECT_EQ(Stripped(" \n"), "");
}

TEST(IsExactTest, CallsAreComparedAsValues) {
  const EvaluationTask task = Parse(ToolTask(R"({"name":"look","arguments":{"a":1,"b":[true]}})"));
  const TaskCall right = MakeTaskCall("look", R"({ "b": [true], "a": 1.0 })");
  EXPECT_TRUE(IsExact(task, {"", {right}}));
  EXPECT_TRUE(IsExact(task, {"Looking.", {right}}));
  EXPECT_FALSE(IsExact(task, {"", {}}));
  EXPECT_FALSE(IsExact(task, {"", {right, right}}));
  EXPECT_FALSE(IsExact(task, {"", {MakeTaskCall("look", R"({"a":1})")}}));
  EXPECT_FALSE(IsExact(task, {"", {MakeTaskCall("see", R"({"a":1,"b":[true]})")}}));
  EXPECT_FALSE(IsExact(task, {"", {MakeTaskCall("look", "no JSON")}}));
}

}  // namespace
}  // namespace foregate
