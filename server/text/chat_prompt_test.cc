#include "server/text/chat_prompt.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "server/text/utf8.h"

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

// Without a generation prompt.
ChatPrompt Prompt(const std::string& messages) {
  ChatPrompt prompt;
  prompt.messages = Json::parse(messages);
  prompt.add_generation_prompt = false;
  return prompt;
}

absl::StatusOr<std::string> Render(const std::string& source, const std::string& messages) {
  return RenderChatPrompt(Model(source), Prompt(messages));
}

void ExpectError(const absl::StatusOr<std::string>& rendered, const std::string& part,
                 absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  ASSERT_FALSE(rendered.ok()) << *rendered;
  EXPECT_EQ(rendered.status().code(), code);
  EXPECT_NE(rendered.status().message().find(part), std::string::npos) << rendered.status();
}

constexpr char kUser[] = R"([{"role": "user", "content": "Hi"}])";

// What a template sees of each message.
constexpr char kDump[] = "{{ messages | tojson }}";

TEST(TemplateChoiceTest, ToolUseServesTools) {
  TextModel model = Model("default");
  model.named_templates["tool_use"] = Compile("tools");
  model.named_templates["rag"] = Compile("rag");
  ChatPrompt prompt = Prompt(kUser);
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "default");
  prompt.tools = Json::array();  // not None, as transformers asks
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "tools");
  prompt.template_name = "rag";
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "rag");
  prompt.template_name = "default";
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "default");
  prompt.template_name = "rage";
  ExpectError(RenderChatPrompt(model, prompt), R"(no chat template "rage"; it has "default", "rag", "tool_use")",
              absl::StatusCode::kNotFound);
}

TEST(TemplateChoiceTest, WithoutADefaultTheNamesAreListed) {
  TextModel model;
  ExpectError(RenderChatPrompt(model, Prompt(kUser)), "no chat template", absl::StatusCode::kFailedPrecondition);
  model.named_templates["rag"] = Compile("rag");
  ExpectError(RenderChatPrompt(model, Prompt(kUser)), R"("default"; it has "rag")", absl::StatusCode::kNotFound);
}

TEST(VariablesTest, SpecialTokensAreNamedAndArgumentsWin) {
  TextModel model = Model(
      "{{ bos_token }}{{ image_token }}|{{ eos_token is defined }}|{{ tools is none }}|{{ documents is none }}|"
      "{{ add_generation_prompt }}|{{ x }}");
  model.special_tokens = {{"bos_token", "<s>"}, {"image_token", "<i>"}};
  ChatPrompt prompt = Prompt(kUser);
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "<s><i>|False|True|True|False|");
  prompt.template_arguments = {{"x", {1, 2}}, {"bos_token", "<b>"}};
  prompt.tools = {{{"name", "f"}}};
  prompt.documents = {{{"title", "t"}}};
  prompt.add_generation_prompt = true;
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "<b><i>|False|False|False|True|[1, 2]");
  model.special_tokens.clear();
  model.eos_token = "</s>";
  EXPECT_EQ(RenderChatPrompt(model, prompt).value(), "<b>|True|False|False|True|[1, 2]");
}

TEST(VariablesTest, StandardNamesCannotBeArguments) {
  ChatPrompt prompt = Prompt(kUser);
  prompt.template_arguments = {{"x", 1}, {"tools", Json::array()}};
  ExpectError(RenderChatPrompt(Model("x"), prompt), "template_arguments.tools ");
  prompt.template_arguments = {{"chat_template", "{{ messages }}"}};
  ExpectError(RenderChatPrompt(Model("x"), prompt), "template_arguments.chat_template ");
  prompt.template_arguments = "x";
  ExpectError(RenderChatPrompt(Model("x"), prompt), "template_arguments must be an object");
  prompt = Prompt(kUser);
  prompt.tools = {Json::object(), 5};
  ExpectError(RenderChatPrompt(Model("x"), prompt), "tools[1] must be an object");
  prompt = Prompt(kUser);
  prompt.documents = "text";
  ExpectError(RenderChatPrompt(Model("x"), prompt), "documents must be an array");
}

TEST(MessagesTest, KeysWithoutValueAreDropped) {
  EXPECT_EQ(Render(kDump, R"([{"role": "user", "content": null, "name": null, "x": {"y": null}, "z": false}])").value(),
            R"([{"role": "user", "x": {"y": null}, "z": false}])");
}

TEST(MessagesTest, ReasoningHasAllItsNames) {
  EXPECT_EQ(Render(kDump, R"([{"role": "assistant", "reasoning_content": "r", "content": "c"}])").value(),
            R"([{"thinking": "r", "role": "assistant", "reasoning_content": "r", "content": "c"}])");
  EXPECT_EQ(Render(kDump, R"([{"role": "assistant", "content": "c", "reasoning": "r"}])").value(),
            R"([{"thinking": "r", "role": "assistant", "content": "c", "reasoning": "r", "reasoning_content": "r"}])");
  EXPECT_EQ(Render(kDump, R"([{"role": "assistant", "thinking": "t", "reasoning_content": "r"}])").value(),
            R"([{"thinking": "t", "role": "assistant", "reasoning_content": "r"}])");
  EXPECT_EQ(Render(kDump, R"([{"role": "assistant", "thinking": "t", "reasoning_content": null}])").value(),
            R"([{"thinking": "t", "role": "assistant", "reasoning_content": "t"}])");
}

TEST(MessagesTest, ErrorsNameMessageAndField) {
  ExpectError(Render(kDump, "[]"), "messages must not be empty");
  ExpectError(Render(kDump, "{}"), "messages must be an array");
  ExpectError(Render(kDump, R"([{"role": "user"}, 5])"), "messages[1] must be an object");
  ExpectError(Render(kDump, R"([{"content": "x"}])"), "messages[0].role must be a string");
  ExpectError(Render(kDump, R"([{"role": "user", "content": 5}])"), "messages[0].content must be a string, an array");
  ExpectError(Render(kDump, R"([{"role": "user", "content": ["x"]}])"), "messages[0].content[0] must be an object");
  ExpectError(Render(kDump, R"([{"role": "user", "content": [{"type": "text", "text": 5}]}])"),
              "messages[0].content[0].text must be a string");
  ExpectError(Render(kDump, R"([{"role": "user", "content": [{"type": "text"}]}])"),
              "messages[0].content[0].text must");
  ExpectError(Render(kDump, R"([{"role": "user", "content": [{"type": 1}]}])"), "messages[0].content[0].type must");
  ExpectError(Render(kDump, R"([{"role": "assistant", "tool_calls": "x"}])"),
              "messages[0].tool_calls must be an array");
  ExpectError(Render(kDump, R"([{"role": "assistant", "tool_calls": ["x"]}])"), "messages[0].tool_calls[0] must be");
  ExpectError(Render(kDump, R"([{"role": "assistant", "tool_calls": [{"function": {}}]}])"),
              "messages[0].tool_calls[0].function.name must be a string");
  ExpectError(Render("{{ raise_exception('no ' + messages[0].role) }}", kUser), "no user");
}

TEST(MessagesTest, DevelopersSpeakAsTheSystem) {
  const std::string developer = R"([{"role": "developer", "content": "c"}])";
  EXPECT_EQ(Render("{{ messages[0].role }}", developer).value(), "system");
  EXPECT_EQ(Render("{{ messages[0].role }}{# developer #}", developer).value(), "developer");
}

// Templates of three kinds: strings only, both, parts only.
constexpr char kStrings[] = "{% for m in messages %}[{{ m.role }}]{{ m['content'] }}{% endfor %}";
constexpr char kBoth[] =
    "{% for m in messages %}[{{ m.role }}]{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
    "{{ '<image>' if p.type == 'image' else p.text }}{% endfor %}{% endif %}{% endfor %}";
constexpr char kPartsOnly[] = "{% for m in messages %}[{{ m.role }}]{{ m['content'][0]['text'] + '.' }}{% endfor %}";
constexpr char kParts[] = R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"text": "b"}]}])";

TEST(PartsTest, AreJoinedForTemplatesThatTakeStrings) {
  EXPECT_EQ(Render(kStrings, kParts).value(), "[user]a\nb");
  EXPECT_EQ(Render(kDump, kParts).value(), R"([{"role": "user", "content": "a\nb"}])");
  EXPECT_EQ(Render("{{ messages[0].content + '' }}", kParts).value(), "a\nb");
  EXPECT_EQ(Render(kStrings, R"([{"role": "user", "content": []}])").value(), "[user]");
  ExpectError(Render(kStrings, R"([{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "image"}]}])"),
              R"(messages[0].content[1] has the type "image")");
}

TEST(PartsTest, StayForTemplatesThatTakeThem) {
  EXPECT_EQ(Render(kBoth, kParts).value(), "[user]ab");
  EXPECT_EQ(Render(kBoth, kUser).value(), "[user]Hi");
  EXPECT_EQ(
      Render(kBoth, R"([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "x"}]}])").value(),
      "[user]<image>x");
  EXPECT_EQ(Render(kPartsOnly, R"([{"role": "user", "content": [{"type": "text", "text": "x"}]}])").value(),
            "[user]x.");
}

TEST(PartsTest, AreMadeForTemplatesThatTakeNothingElse) {
  EXPECT_EQ(Render(kPartsOnly, kUser).value(), "[user]Hi.");
  // Printing nothing for a string is refusing it, too.
  EXPECT_EQ(Render("{% for p in messages[0].content if p.type == 'text' %}{{ p.text }}{% endfor %}", kUser).value(),
            "Hi");
}

TEST(PartsTest, AreJudgedByRole) {
  const std::string source =
      "{% for m in messages %}{% if m.role == 'user' %}{% for p in m.content %}{{ p['text'] }}{% endfor %}"
      "{% else %}{{ m.content }}{% endif %};{% endfor %}";
  EXPECT_EQ(Render(source, R"([{"role": "system", "content": [{"type": "text", "text": "s"}]},
                               {"role": "user", "content": "u"}])")
                .value(),
            "s;u;");
  // A role that the template may have invented is left alone.
  EXPECT_EQ(Render(source, R"([{"role": "narrator", "content": [{"type": "text", "text": "s"}]}])").value(),
            "[{'type': 'text', 'text': 's'}];");
}

TEST(PartsTest, ToolResultsMayBeAnything) {
  const std::string printed =
      "{% for m in messages %}{{ m.content if m.content is string else m.content|tojson }}{% endfor %}";
  EXPECT_EQ(Render(printed, R"([{"role": "tool", "content": {"a": 1}}])").value(), R"({"a": 1})");
  EXPECT_EQ(Render(printed, R"([{"role": "tool", "content": ["a", 1]}])").value(), R"(["a", 1])");
}

// Templates that read arguments as objects, and as text.
constexpr char kObjects[] =
    "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}"
    "{{ c.function.arguments | tojson }}{% endfor %}{% else %}{{ m.content }}{% endif %};{% endfor %}";
constexpr char kTexts[] =
    "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name + ' ' + "
    "c.function.arguments }}{% endfor %}{% else %}{{ m.content }}{% endif %};{% endfor %}";

std::string Call(const std::string& arguments, const std::string& content = "null") {
  return R"([{"role": "user", "content": "u"}, {"role": "assistant", "content": )" + content +
         R"(, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": )" + arguments +
         "}}]}]";
}

TEST(ArgumentsTest, OfTextBecomeObjects) {
  EXPECT_EQ(Render(kObjects, Call(R"({"b": 1, "a": 2.0})")).value(), R"(u;f{"b": 1, "a": 2.0};)");
  EXPECT_EQ(Render(kObjects, Call(R"("{\"b\": 1, \"a\": 2.0}")")).value(), R"(u;f{"b": 1, "a": 2.0};)");
  EXPECT_EQ(Render(kObjects, Call(R"("")")).value(), "u;f{};");
  EXPECT_EQ(Render(kObjects, Call("null")).value(), "u;f{};");
  // The function alone.
  const std::string flat = "{{ messages[0].tool_calls[0].arguments.a + 1 }}";
  EXPECT_EQ(
      Render(flat, R"([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "{\"a\": 1}"}]}])").value(),
      "2");
}

TEST(ArgumentsTest, StayTextForTemplatesThatWriteText) {
  EXPECT_EQ(Render(kTexts, Call(R"("{\"b\":1,  \"a\":2.0}")")).value(), R"(u;f {"b":1,  "a":2.0};)");
  EXPECT_EQ(Render(kTexts, Call(R"({"b": 1, "a": [2.0, "ä"]})")).value(), R"(u;f {"b": 1, "a": [2.0, "ä"]};)");
  // Printing an object is no refusal, but its Python spelling is not what the model knows.
  EXPECT_EQ(Render("{{ messages[1].tool_calls[0].function.arguments }}", Call(R"({"b": true})")).value(),
            R"({"b": true})");
}

TEST(ArgumentsTest, MustBeObjects) {
  const std::string field = "messages[1].tool_calls[0].function.arguments ";
  ExpectError(Render(kObjects, Call(R"("{\"a\": ")")), field + "is not JSON");
  const auto half_quoted = Render(kObjects, Call(R"("ä")"));
  ExpectError(half_quoted, field + "is not JSON");
  EXPECT_FALSE(FirstInvalidUtf8(std::string(half_quoted.status().message())).has_value());
  ExpectError(Render(kObjects, Call(R"("[1]")")), field + "must be an object");
  ExpectError(Render(kObjects, Call("[1]")), field + "must be an object");
  ExpectError(Render(kTexts, Call("5")), field + "must be an object");
}

TEST(CallsTest, WithoutTextAreShown) {
  EXPECT_EQ(Render(kDump, Call("{}", R"("")")).value().find("null"), std::string::npos);
  // The older templates of DeepSeek: calls only where the content is None, arguments as text.
  const std::string source =
      "{% for m in messages %}{% if m.role == 'assistant' and m.content is none %}{% for c in m.tool_calls %}<{{ "
      "c.function.name + c.function.arguments }}>{% endfor %}{% elif m.role != 'tool' %}{{ m.role + m.content }}"
      "{% endif %}{% endfor %}";
  for (const char* content : {"null", R"("")"}) EXPECT_EQ(Render(source, Call("{}", content)).value(), "useru<f{}>");
  EXPECT_EQ(Render(source, Call("{}", R"("text")")).value(), "useruassistanttext");
  // A template that adds the content to a string, absent or not.
  const std::string adds =
      "{% for m in messages %}{{ m.role + m.content }}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}";
  EXPECT_NE(Render(adds, Call("{}")).value().find("userassistant["), 0u);
  EXPECT_NE(Render(adds, Call("{}")).value().find(R"("name": "f")"), std::string::npos);
}

TEST(CallsTest, NoneAreDropped) {
  EXPECT_EQ(Render(kDump, R"([{"role": "assistant", "content": "a", "tool_calls": []}])").value(),
            R"([{"role": "assistant", "content": "a"}])");
}

absl::StatusOr<std::string> Continue(const std::string& source, const std::string& messages) {
  ChatPrompt prompt = Prompt(messages);
  prompt.continue_final_message = true;
  return RenderChatPrompt(Model(source), prompt);
}

TEST(ContinueTest, EndsWhereTheMessageEnds) {
  const std::string keeps = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</end>\n{% endfor %}";
  const std::string trims = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</end>\n{% endfor %}";
  const std::string messages = R"([{"role": "user", "content": "u"}, {"role": "assistant", "content": "It is  "}])";
  EXPECT_EQ(Continue(keeps, messages).value(), "<user>u</end>\n<assistant>It is  ");
  EXPECT_EQ(Continue(trims, messages).value(), "<user>u</end>\n<assistant>It is");
  EXPECT_EQ(Continue(kBoth, R"([{"role": "assistant", "content": [{"type": "text", "text": "a"},
                                 {"type": "text", "text": "b"}, {"type": "image"}]}])")
                .value(),
            "[assistant]ab");
  EXPECT_EQ(Continue(keeps, R"([{"role": "assistant", "content": ""}])").value(), "<assistant>");
}

TEST(ContinueTest, Refusals) {
  ExpectError(Continue(kStrings, R"([{"role": "assistant"}])"), "messages[0].content is absent");
  ExpectError(Continue("{% for m in messages[:-1] %}{{ m.content }}{% endfor %}", kUser), "is not in the prompt");
  ExpectError(Continue("{{ messages[0].content | upper }}", kUser), "is not in the prompt");
  ExpectError(Continue("{{ messages[0].text }}", kUser), "does not read a message's content");
  ExpectError(Continue(kBoth, R"([{"role": "user", "content": [{"type": "image"}]}])"),
              "messages[0].content has no text");
  ChatPrompt prompt = Prompt(kUser);
  prompt.continue_final_message = true;
  prompt.add_generation_prompt = true;
  ExpectError(RenderChatPrompt(Model(kStrings), prompt), "exclude each other");
}

std::string ReadData(const std::string& name) {
  std::ifstream file("tests/data/templates/chats/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

ChatPrompt GoldenPrompt(const Json& goldens, const Json& golden) {
  ChatPrompt prompt;
  prompt.messages = goldens["chats"][golden["chat"].get<std::string>()];
  if (golden["tools"]) prompt.tools = goldens["tools"];
  prompt.template_arguments = golden["arguments"];
  prompt.add_generation_prompt = golden["add_generation_prompt"];
  prompt.continue_final_message = golden.value("continue_final_message", false);
  return prompt;
}

// What transformers refuses is refused, with another message.
TEST(GoldenTest, EqualsApplyChatTemplate) {
  const Json goldens = Json::parse(ReadData("apply_chat_template.json"));
  ASSERT_GE(goldens["cases"].size(), 600u);
  TextModel model;
  model.special_tokens = goldens["special_tokens"].get<std::map<std::string, std::string>>();
  std::string loaded;
  for (const Json& golden : goldens["cases"]) {
    const auto name = golden["template"].get<std::string>();
    if (loaded != name) model.chat_template = Compile(ReadData(name));
    loaded = name;
    ASSERT_NE(model.chat_template, nullptr) << name;
    const auto prompt = RenderChatPrompt(model, GoldenPrompt(goldens, golden));
    const std::string label = name + ", " + golden["chat"].get<std::string>();
    if (golden.contains("error")) {
      EXPECT_TRUE(absl::IsInvalidArgument(prompt.status())) << label << ": " << prompt.value_or("");
    } else {
      EXPECT_EQ(prompt.value_or(prompt.status().ToString()), golden["text"].get<std::string>()) << label;
    }
  }
}

TEST(CostTest, HostileMessagesAreLinear) {
  const auto start = std::chrono::steady_clock::now();
  // A search for the final message that tries every place would take minutes.
  const std::string letters(1 << 20, 'a');
  ChatPrompt prompt = Prompt("[]");
  prompt.messages.push_back({{"role", "user"}, {"content", letters}});
  prompt.messages.push_back({{"role", "assistant"}, {"content", std::string(1 << 19, 'a') + "b"}});
  prompt.continue_final_message = true;
  EXPECT_TRUE(RenderChatPrompt(Model(kStrings), prompt).ok());
  std::string arguments = "{";
  for (int i = 0; i < 30000; ++i) arguments += "\"k" + std::to_string(i) + "\": 1, ";
  arguments += "\"end\": 1}";
  EXPECT_TRUE(Render(kObjects, Call(Json(arguments).dump())).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace foregate
