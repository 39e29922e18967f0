// Mistral. Up to tokenizer version 7: [TOOL_CALLS][{"name": ..., "arguments": {...}, "id": "..."}]. Later, for each
// call: [TOOL_CALLS]NAME[ARGS]{...}, with [CALL_ID]ID before [ARGS] in between. Magistral reasons in
// [THINK]...[/THINK], its first version in <think>.
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {

ReplyGrammar MistralGrammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"[THINK]"}, {"[/THINK]"});
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (!has_tools) return grammar;

  const StateId list = grammar.Json(grammar.Accept(&BuildJsonCalls, ReplyGrammar::kContent));
  const StateId arguments = grammar.Json(grammar.Accept(&BuildNamedCall, ReplyGrammar::kContent));
  const StateId before_arguments = grammar.Expect(/*skips_space=*/true);
  grammar.On(before_arguments, "{", arguments, ReplyEdge::Use::kPeek);

  const StateId id = grammar.Capture(ReplySlot::kId, " \t\r\n{\"[<");
  grammar.On(id, "[ARGS]", before_arguments);
  const StateId name = grammar.Capture(ReplySlot::kName, " \t\r\n\"[<(");
  grammar.On(name, "[ARGS]", before_arguments);
  grammar.On(name, "[CALL_ID]", id);
  grammar.On(name, "{", arguments, ReplyEdge::Use::kPeek);

  const StateId begin = grammar.Expect(/*skips_space=*/true);
  grammar.On(begin, "[", list, ReplyEdge::Use::kPeek);
  grammar.On(begin, "{", list, ReplyEdge::Use::kPeek);
  grammar.state(begin).otherwise = name;
  grammar.On(ReplyGrammar::kContent, "[TOOL_CALLS]", begin);
  return grammar;
}

}  // namespace foregate
