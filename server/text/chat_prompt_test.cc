#include "server/text/chat_prompt.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<const ChatTemplate> Compile(const std::string& source) {
  auto compiled = ChatTemplate::Compile(source, "t");
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() ? *std::move(compiled) : nullptr;
}

TextModel Model(const std::string& source) {
  TextModel model;
  model.chat_template = Compile(source);
  return model;
}

TEST(ChatPromptTest, RendersAsTheTemplateSays) {
  const TextModel model = Model("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}");
  ChatPrompt prompt;
  prompt.messages = Json::array({{{"role", "user"}, {"content", "Hi"}}});
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "[user]Hi");
}

}  // namespace
}  // namespace foregate
