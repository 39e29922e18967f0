#include "client/conversation_file.h"

#include "gtest/gtest.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

TEST(ConversationFileTest, ReadsWhatChatClientsSend) {
  pb::Conversation conversation;
  const absl::Status status = AddConversation(R"({
    "messages": [
      {"role": "system", "content": "s"},
      {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image", "n": 1.0}]},
      {"role": "assistant", "content": null, "reasoning_content": "hm", "weight": 0,
       "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"z\": 1, \"a\": 2}"}},
                      {"function": {"name": "g", "arguments": {"z": 1.0, "a": 2}}}]},
      {"role": "tool", "tool_call_id": "c", "content": "7"},
      {"role": "observation", "content": "o"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"z": {}, "a": 1}}}],
    "documents": [{"title": "t"}]})",
                                              "file", &conversation);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(conversation.messages_size(), 5);
  EXPECT_EQ(conversation.messages(0).role(), pb::ROLE_SYSTEM);
  EXPECT_EQ(conversation.messages(1).parts(0).text(), "look");
  EXPECT_EQ(conversation.messages(1).parts(1).json(), R"({"type":"image","n":1.0})");
  const pb::ChatMessage& assistant = conversation.messages(2);
  EXPECT_FALSE(assistant.has_content());
  EXPECT_EQ(assistant.reasoning_content(), "hm");
  EXPECT_EQ(assistant.extra_json(), R"({"weight":0})");
  EXPECT_EQ(assistant.tool_calls(0).id(), "c");
  EXPECT_EQ(assistant.tool_calls(0).arguments_json(), R"({"z": 1, "a": 2})");
  EXPECT_EQ(assistant.tool_calls(1).arguments_json(), R"({"z":1.0,"a":2})");
  EXPECT_EQ(conversation.messages(3).tool_call_id(), "c");
  EXPECT_EQ(conversation.messages(4).other_role(), "observation");
  EXPECT_EQ(conversation.tools(0).parameters_json(), R"({"z":{},"a":1})");
  EXPECT_EQ(conversation.documents_json(0), R"({"title":"t"})");
}

TEST(ConversationFileTest, FaultsNameTheirPlace) {
  const std::pair<const char*, const char*> faults[] = {
      {"{", "file: not JSON"},
      {"{}", "file: has no messages"},
      {R"({"messages": 3})", "file: messages must be an array"},
      {R"([{"role": 3}])", "file: messages[0].role must be a string, is number"},
      {R"([{"role": "user", "content": 3}])", "file: messages[0].content must be a string, is number"},
      {R"([{"role": "assistant", "tool_calls": [{}]}])", "file: messages[0].tool_calls[0] has no function.name"},
      {R"({"messages": [], "tools": [{}]})", "file: tools[0] has no function.name"},
  };
  for (const auto& [json, expected] : faults) {
    pb::Conversation conversation;
    EXPECT_EQ(AddConversation(json, "file", &conversation).message(), expected);
  }
}

TEST(ConversationFileTest, TemplateArgumentsAreJsonOrText) {
  pb::Conversation conversation;
  for (const char* text : {"enable_thinking=false", "mood=calm", "n=1.0", "s=\"3\"", "empty="}) {
    ASSERT_TRUE(AddTemplateArgument(text, &conversation).ok());
  }
  EXPECT_EQ(conversation.template_arguments_json(),
            R"({"enable_thinking":false,"mood":"calm","n":1.0,"s":"3","empty":""})");
  EXPECT_FALSE(AddTemplateArgument("x", &conversation).ok());
  EXPECT_FALSE(AddTemplateArgument("=x", &conversation).ok());
}

}  // namespace
}  // namespace foregate
