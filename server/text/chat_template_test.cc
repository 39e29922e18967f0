#include "server/text/chat_template.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

std::string ReadData(const std::string& name) {
  std::ifstream file("tests/data/templates/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

absl::StatusOr<std::string> Render(const std::string& source, const Json& context) {
  const auto compiled = ChatTemplate::Compile(source, "t");
  if (!compiled.ok()) return compiled.status();
  return (*compiled)->Render(context);
}

// `golden` has the "text" or the "error" of jinja2; what an error says is ours.
void ExpectEqual(const absl::StatusOr<std::string>& rendered, const Json& golden, const std::string& name) {
  if (golden.contains("error")) {
    EXPECT_FALSE(rendered.ok()) << name << "\n gave " << rendered.value_or("");
    EXPECT_TRUE(absl::IsInvalidArgument(rendered.status())) << name;
    return;
  }
  ASSERT_TRUE(rendered.ok()) << name << "\n" << rendered.status();
  EXPECT_EQ(*rendered, golden["text"].get<std::string>()) << name;
}

TEST(ChatTemplateTest, EqualsJinja2OnEveryConstruct) {
  const Json goldens = Json::parse(ReadData("constructs.json"));
  ASSERT_GE(goldens["cases"].size(), 60u);
  for (const Json& golden : goldens["cases"]) {
    const auto source = golden["source"].get<std::string>();
    ExpectEqual(Render(source, goldens["context"]), golden, source);
  }
}

TEST(ChatTemplateTest, EqualsJinja2OnChats) {
  const Json goldens = Json::parse(ReadData("chats.json"));
  ASSERT_GE(goldens.size(), 60u);
  std::map<std::string, std::unique_ptr<const ChatTemplate>> compiled;
  for (const Json& golden : goldens) {
    const auto name = golden["template"].get<std::string>();
    if (!compiled.contains(name)) {
      auto result = ChatTemplate::Compile(ReadData("chats/" + name), name);
      ASSERT_TRUE(result.ok()) << result.status();
      compiled[name] = *std::move(result);
    }
    ExpectEqual(compiled[name]->Render(golden["context"]), golden, name + " " + golden["chat"].get<std::string>());
  }
}

void ExpectError(const std::string& source, const std::string& part, const Json& context = Json::object()) {
  const auto rendered = Render(source, context);
  ASSERT_FALSE(rendered.ok()) << source;
  EXPECT_EQ(rendered.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(rendered.status().message().find(part), std::string::npos) << rendered.status();
}

TEST(ChatTemplateTest, ErrorsNameLineAndColumn) {
  ExpectError("a\n{% if x %}\n", "t: line 2, column 11:");
  ExpectError("a\n\n{{ 'x }}", "t: line 3, column 4:");
  ExpectError("a\n{% for m in [1] %}\n\n{{ m.x.y }}{% endfor %}", "t: line 4, column 8:");
  ExpectError("{% include 'secrets' %}", "include");
  ExpectError("\n{{ raise_exception('only users: ' ~ who) }}", "line 2, column 4: only users: me", {{"who", "me"}});
}

TEST(ChatTemplateTest, LimitsEndInErrors) {
  ExpectError("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps");
  ExpectError("{% set ns = namespace(s='abcdefgh') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
              "exceeds");
  ExpectError("{{ 'a' * 1000000000 }}", "exceeds");
  ExpectError("{% for a in range(100000) %}" + std::string(1000, 'x') + "{% endfor %}", "exceeds");
  ExpectError("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recurses too deeply");
  ExpectError("{% set ns = namespace(l=[]) %}{% for a in range(1000) %}{% set ns.l = [ns.l] %}{% endfor %}", "nested");
  ExpectError("{% set ns = namespace(l=['x']) %}{% for a in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}",
              "larger than");
  ExpectError("{{ range(1000000) }}", "Range too big");
  ExpectError("{{ " + std::string(10000, '(') + "1" + std::string(10000, ')') + " }}", "nested too deeply");
  ExpectError(
      "{{ 1" +
          [] {
            std::string sums;
            for (int i = 0; i < 5000; ++i) sums += " + 1";
            return sums;
          }() +
          " }}",
      "nested too deeply");
  std::string blocks;
  for (int i = 0; i < 1000; ++i) blocks += "{% if true %}";
  ExpectError(blocks, "nested too deeply");
  Json deep = Json::array();
  for (int i = 0; i < 1000; ++i) deep = Json::array({std::move(deep)});
  ExpectError("{{ x }}", "nested deeper", {{"x", deep}});
}

TEST(ChatTemplateTest, ObjectsThatHoldThemselvesAreFreed) {
  // The leak checker of the address sanitizer sees it when they are not.
  const auto rendered = Render(
      "{% set ns = namespace() %}{% set ns.me = ns %}{% for x in [1] %}{% set ns.loop = loop %}{% endfor %}"
      "{% macro m() %}{% endmacro %}{% set ns.m = m %}{{ ns.me.me.m is callable }}",
      Json::object());
  ASSERT_TRUE(rendered.ok()) << rendered.status();
  EXPECT_EQ(*rendered, "True");
}

TEST(ChatTemplateTest, ContextMustBeAnObjectOfText) {
  ExpectError("{{ x }}", "object", Json::array());
  ExpectError("{{ x }}", "'x': a template argument is not UTF-8 at byte 1", {{"x", "a\xFF"}});
}

TEST(ChatTemplateTest, StrftimeNowKnowsTheYear) {
  const auto year = Render("{{ strftime_now('%Y') }}", Json::object());
  ASSERT_TRUE(year.ok());
  EXPECT_EQ(year->size(), 4u);
  EXPECT_GE(*year, "2024");
}

}  // namespace
}  // namespace foregate
