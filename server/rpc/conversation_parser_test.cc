#include "server/rpc/conversation_parser.h"

#include <functional>
#include <limits>
#include <string>

#include "foregate/inference/v1/inference.pb.h"
#include "gtest/gtest.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

wire::Conversation OneMessage(wire::Role role, const std::string& content) {
  wire::Conversation conversation;
  conversation.add_messages()->set_role(role);
  conversation.mutable_messages(0)->set_content(content);
  return conversation;
}

std::string FaultOf(const wire::Conversation& conversation) {
  const absl::Status status = ParseConversation(conversation).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return FieldOf(status).value_or("no field: " + std::string(status.message()));
}

TEST(ConversationParserTest, MessagesBecomeTheJsonThatTemplatesRead) {
  wire::Conversation conversation = OneMessage(wire::ROLE_DEVELOPER, "be brief");
  wire::ChatMessage* user = conversation.add_messages();
  user->set_role(wire::ROLE_USER);
  user->set_name("ann");
  user->add_parts()->set_text("look");
  user->add_parts()->set_json(R"({"type": "document", "z": 1, "a": 1.0})");
  wire::ChatMessage* assistant = conversation.add_messages();
  assistant->set_role(wire::ROLE_ASSISTANT);
  assistant->set_reasoning_content("hm");
  wire::ToolCall* call = assistant->add_tool_calls();
  call->set_id("c1");
  call->set_name("weather");
  call->set_arguments_json(R"({"z": 1, "a": 1.0})");
  wire::ChatMessage* tool = conversation.add_messages();
  tool->set_role(wire::ROLE_TOOL);
  tool->set_tool_call_id("c1");
  tool->set_extra_json(R"({"status": "ok"})");
  conversation.add_messages()->set_other_role("observation");
  const auto prompt = ParseConversation(conversation);
  ASSERT_TRUE(prompt.ok()) << prompt.status();
  EXPECT_EQ(prompt->messages[0].dump(), R"({"role":"developer","content":"be brief"})");
  EXPECT_EQ(
      prompt->messages[1].dump(),
      R"({"role":"user","content":[{"type":"text","text":"look"},{"type":"document","z":1,"a":1.0}],"name":"ann"})");
  EXPECT_EQ(prompt->messages[2].dump(),
            R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":)"
            R"({"name":"weather","arguments":{"z":1,"a":1.0}}}],"reasoning_content":"hm"})");
  EXPECT_EQ(prompt->messages[3].dump(), R"({"role":"tool","content":"","tool_call_id":"c1","status":"ok"})");
  EXPECT_EQ(prompt->messages[4].dump(), R"({"role":"observation","content":""})");
  EXPECT_TRUE(prompt->tools.is_null());
  EXPECT_TRUE(prompt->documents.is_null());
}

// A Struct is a map of doubles: keys come sorted, whole numbers as integers.
TEST(ConversationParserTest, StructsAreSortedAndWhole) {
  wire::Conversation conversation = OneMessage(wire::ROLE_ASSISTANT, "");
  wire::ToolCall* call = conversation.mutable_messages(0)->add_tool_calls();
  call->set_name("weather");
  auto& arguments = *call->mutable_arguments()->mutable_fields();
  arguments["days"].set_number_value(3);
  arguments["city"].set_string_value("Oslo");
  arguments["exact"].set_number_value(0.5);
  arguments["list"].mutable_list_value()->add_values()->set_bool_value(true);
  arguments["nothing"].set_null_value(google::protobuf::NULL_VALUE);
  const auto prompt = ParseConversation(conversation);
  ASSERT_TRUE(prompt.ok()) << prompt.status();
  EXPECT_EQ(prompt->messages[0]["tool_calls"][0]["function"]["arguments"].dump(),
            R"({"city":"Oslo","days":3,"exact":0.5,"list":[true],"nothing":null})");
}

TEST(ConversationParserTest, ToolsDocumentsAndArgumentsArrive) {
  wire::Conversation conversation = OneMessage(wire::ROLE_USER, "hi");
  wire::ToolDefinition* tool = conversation.add_tools();
  tool->set_name("weather");
  tool->set_description("tells it");
  tool->set_parameters_json(R"({"type": "object", "properties": {}})");
  conversation.add_documents_json(R"({"title": "t", "text": "x"})");
  conversation.set_template_arguments_json(R"({"enable_thinking": false})");
  conversation.set_template_name("rag");
  const auto prompt = ParseConversation(conversation);
  ASSERT_TRUE(prompt.ok()) << prompt.status();
  EXPECT_EQ(prompt->tools.dump(), R"([{"type":"function","function":{"name":"weather","description":"tells it",)"
                                  R"("parameters":{"type":"object","properties":{}}}}])");
  EXPECT_EQ(prompt->documents.dump(), R"([{"title":"t","text":"x"}])");
  EXPECT_EQ(prompt->template_arguments.dump(), R"({"enable_thinking":false})");
  EXPECT_EQ(prompt->template_name, "rag");
}

TEST(ConversationParserTest, AContinuedMessageTakesNoGenerationPrompt) {
  wire::Conversation conversation = OneMessage(wire::ROLE_USER, "hi");
  EXPECT_TRUE(ParseConversation(conversation)->add_generation_prompt);
  conversation.set_continue_final_message(true);
  EXPECT_FALSE(ParseConversation(conversation)->add_generation_prompt);
  EXPECT_TRUE(ParseConversation(conversation)->continue_final_message);
  conversation.set_add_generation_prompt(true);
  EXPECT_TRUE(ParseConversation(conversation)->add_generation_prompt);
}

TEST(ConversationParserTest, EveryFaultNamesItsField) {
  const std::string message = "conversation.messages[0]";
  const std::vector<std::pair<std::string, std::function<void(wire::Conversation*)>>> faults = {
      {"conversation.messages", [](auto* c) { c->clear_messages(); }},
      {message + ".role", [](auto* c) { c->mutable_messages(0)->clear_role(); }},
      {message + ".other_role", [](auto* c) { c->mutable_messages(0)->set_other_role("x"); }},
      {message + ".parts", [](auto* c) { c->mutable_messages(0)->add_parts()->set_text("x"); }},
      {message + ".parts[0]",
       [](auto* c) {
         c->mutable_messages(0)->clear_content();
         c->mutable_messages(0)->add_parts();
       }},
      {message + ".parts[0].json",
       [](auto* c) {
         c->mutable_messages(0)->clear_content();
         c->mutable_messages(0)->add_parts()->set_json("[]");
       }},
      {message + ".extra_json", [](auto* c) { c->mutable_messages(0)->set_extra_json("{"); }},
      {message + ".extra_json", [](auto* c) { c->mutable_messages(0)->set_extra_json(R"({"content": 1})"); }},
      {message + ".tool_calls", [](auto* c) { c->mutable_messages(0)->add_tool_calls(); }},
      {message + ".tool_calls[0].name",
       [](auto* c) {
         c->mutable_messages(0)->set_role(wire::ROLE_ASSISTANT);
         c->mutable_messages(0)->add_tool_calls();
       }},
      {message + ".tool_calls[0].arguments_json",
       [](auto* c) {
         c->mutable_messages(0)->set_role(wire::ROLE_ASSISTANT);
         wire::ToolCall* call = c->mutable_messages(0)->add_tool_calls();
         call->set_name("f");
         call->mutable_arguments();
         call->set_arguments_json("{}");
       }},
      {"conversation.tools[0].name", [](auto* c) { c->add_tools(); }},
      {"conversation.documents_json[0]", [](auto* c) { c->add_documents_json("3"); }},
      {"conversation.template_arguments_json", [](auto* c) { c->set_template_arguments_json("{}}"); }},
      {"conversation.template_arguments.x",
       [](auto* c) {
         (*c->mutable_template_arguments()->mutable_fields())["x"].set_number_value(
             std::numeric_limits<double>::quiet_NaN());
       }},
  };
  for (const auto& [field, spoil] : faults) {
    wire::Conversation conversation = OneMessage(wire::ROLE_USER, "hi");
    spoil(&conversation);
    EXPECT_EQ(FaultOf(conversation), field);
  }
}

TEST(ConversationParserTest, DeepNestingIsRefused) {
  wire::Conversation conversation = OneMessage(wire::ROLE_USER, "hi");
  google::protobuf::Value* value = &(*conversation.mutable_template_arguments()->mutable_fields())["deep"];
  for (int i = 0; i < 40; ++i) value = value->mutable_list_value()->add_values();
  value->set_bool_value(true);
  const absl::Status status = ParseConversation(conversation).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("nested deeper than 32 levels"), std::string::npos) << status;
}

}  // namespace
}  // namespace foregate
