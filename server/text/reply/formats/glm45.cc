// GLM 4.5 to 4.7: <tool_call>NAME\n<arg_key>KEY</arg_key>\n<arg_value>VALUE</arg_value>\n</tool_call>; the line breaks
// are gone in 4.7. Values that are not strings are JSON, strings are bare: the schema tells them apart. LongCat-Flash
// writes the same with a prefix on every tag, and JSON like hermes in some versions.
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {
namespace {

ReplyGrammar ArgumentTagGrammar(bool has_tools, const std::string& prefix, bool allows_json) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<" + prefix + "think>"}, {"</" + prefix + "think>"});
  if (!has_tools) return grammar;
  const std::string end_tag = "</" + prefix + "tool_call>";
  const std::string key_tag = "<" + prefix + "arg_key>";

  const StateId accept = grammar.Accept(&BuildKeyedCall, ReplyGrammar::kContent);
  const StateId arguments = grammar.Expect(/*skips_space=*/true);
  const StateId key = grammar.Capture(ReplySlot::kKey, "\r\n<");
  const StateId before_value = grammar.Expect(/*skips_space=*/true);
  const StateId value = grammar.Capture(ReplySlot::kTypedValue);
  grammar.On(arguments, key_tag, key);
  grammar.On(arguments, end_tag, accept);
  grammar.On(key, "</" + prefix + "arg_key>", before_value);
  grammar.On(before_value, "<" + prefix + "arg_value>", value);
  grammar.On(value, "</" + prefix + "arg_value>", arguments);

  const StateId name = grammar.Capture(ReplySlot::kName, " \t\r{\"<");
  grammar.On(name, "\n", arguments);
  grammar.On(name, key_tag, arguments, ReplyEdge::Use::kPeek);
  grammar.On(name, end_tag, arguments, ReplyEdge::Use::kPeek);
  StateId begin = name;
  if (allows_json) {
    const StateId accept_json = grammar.Accept(&BuildJsonCalls, ReplyGrammar::kContent);
    const StateId end = grammar.Expect(/*skips_space=*/true);
    grammar.On(end, end_tag, accept_json);
    grammar.state(end).at_end = accept_json;
    begin = grammar.Expect(/*skips_space=*/true);
    grammar.On(begin, "{", grammar.Json(end), ReplyEdge::Use::kPeek);
    grammar.state(begin).otherwise = name;
  }
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<" + prefix + "tool_call>", begin);
  return grammar;
}

}  // namespace

ReplyGrammar Glm45Grammar(bool has_tools) { return ArgumentTagGrammar(has_tools, "", /*allows_json=*/false); }

ReplyGrammar LongcatGrammar(bool has_tools) { return ArgumentTagGrammar(has_tools, "longcat_", /*allows_json=*/true); }

}  // namespace foregate
