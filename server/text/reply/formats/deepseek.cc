// DeepSeek V3, R1 and V3.1; a section of calls, each of them
//   V3, R1  <｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME\n```json\n{...}\n```<｜tool▁call▁end｜>
//   V3.1    <｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {

ReplyGrammar DeepseekV3Grammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (!has_tools) return grammar;
  constexpr std::string_view kCallBegin = "<｜tool▁call▁begin｜>";
  constexpr std::string_view kCallEnd = "<｜tool▁call▁end｜>";

  const StateId section = grammar.Expect(/*skips_space=*/true);
  const StateId accept = grammar.Accept(&BuildNamedCall, section);
  const StateId end = grammar.Expect(/*skips_space=*/true);
  grammar.On(end, kCallEnd, accept);
  grammar.state(end).at_end = accept;
  const StateId fence_end = grammar.Expect(/*skips_space=*/true);
  grammar.On(fence_end, "```", end);
  grammar.state(fence_end).at_end = accept;

  const StateId fenced = grammar.Json(fence_end);
  const StateId before_fenced = grammar.Expect(/*skips_space=*/true);
  grammar.On(before_fenced, "{", fenced, ReplyEdge::Use::kPeek);
  const StateId name_of_typed = grammar.Capture(ReplySlot::kName, "<{\"");  // the capture before it was the type
  grammar.On(name_of_typed, "\n```json", before_fenced);
  grammar.On(name_of_typed, "```json", before_fenced);

  const StateId bare = grammar.Json(end);
  const StateId after_separator = grammar.Expect(/*skips_space=*/true);
  grammar.On(after_separator, "{", bare, ReplyEdge::Use::kPeek);
  grammar.state(after_separator).otherwise = name_of_typed;
  const StateId type_or_name = grammar.Capture(ReplySlot::kName, "{\"\n");
  grammar.On(type_or_name, "<｜tool▁sep｜>", after_separator);

  grammar.On(section, kCallBegin, type_or_name);
  grammar.On(section, "<｜tool▁calls▁end｜>", ReplyGrammar::kContent);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<｜tool▁calls▁begin｜>", section);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 1, kCallBegin, type_or_name);
  return grammar;
}

}  // namespace foregate
