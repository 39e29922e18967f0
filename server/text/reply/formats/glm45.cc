// GLM 4.5 to 4.7: <tool_call>NAME\n<arg_key>KEY</arg_key>\n<arg_value>VALUE</arg_value>\n</tool_call>; the line breaks
// are gone in 4.7. Values that are not strings are JSON, strings are bare: the schema tells them apart.
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {

ReplyGrammar Glm45Grammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (!has_tools) return grammar;

  const StateId accept = grammar.Accept(&BuildKeyedCall, ReplyGrammar::kContent);
  const StateId arguments = grammar.Expect(/*skips_space=*/true);
  const StateId key = grammar.Capture(ReplySlot::kKey, "\r\n<");
  const StateId before_value = grammar.Expect(/*skips_space=*/true);
  const StateId value = grammar.Capture(ReplySlot::kTypedValue);
  grammar.On(arguments, "<arg_key>", key);
  grammar.On(arguments, "</tool_call>", accept);
  grammar.On(key, "</arg_key>", before_value);
  grammar.On(before_value, "<arg_value>", value);
  grammar.On(value, "</arg_value>", arguments);

  const StateId name = grammar.Capture(ReplySlot::kName, " \t\r{\"<");
  grammar.On(name, "\n", arguments);
  grammar.On(name, "<arg_key>", arguments, ReplyEdge::Use::kPeek);
  grammar.On(name, "</tool_call>", arguments, ReplyEdge::Use::kPeek);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<tool_call>", name);
  return grammar;
}

}  // namespace foregate
