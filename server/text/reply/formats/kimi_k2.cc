// Kimi K2: a section <|tool_calls_section_begin|>...<|tool_calls_section_end|> of calls
//   <|tool_call_begin|>functions.NAME:INDEX<|tool_call_argument_begin|>{...}<|tool_call_end|>
// "functions.NAME:INDEX" is the call's id, which the template wants back with the result.
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {
namespace {

std::string_view NameOfId(std::string_view id) {
  constexpr std::string_view kNamespace = "functions.";
  if (id.starts_with(kNamespace)) id.remove_prefix(kNamespace.size());
  const size_t colon = id.rfind(':');
  const bool has_index = colon != std::string_view::npos && colon + 1 < id.size() &&
                         id.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  return has_index ? id.substr(0, colon) : id;
}

ReplyToolCalls BuildKimiCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  (void)schema;
  const std::string_view id = CapturedIn(ReplySlot::kId, captures);
  return OneCall(id, NameOfId(id), CapturedIn(ReplySlot::kBody, captures));
}

}  // namespace

ReplyGrammar KimiK2Grammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (!has_tools) return grammar;
  const StateId section = grammar.Expect(/*skips_space=*/true);
  const StateId accept = grammar.Accept(&BuildKimiCall, section);
  const StateId end = grammar.Expect(/*skips_space=*/true);
  grammar.On(end, "<|tool_call_end|>", accept);
  grammar.state(end).at_end = accept;
  const StateId before_json = grammar.Expect(/*skips_space=*/true);
  grammar.On(before_json, "{", grammar.Json(end), ReplyEdge::Use::kPeek);
  const StateId id = grammar.Capture(ReplySlot::kId, "\n{\"<");
  grammar.On(id, "<|tool_call_argument_begin|>", before_json);
  grammar.On(section, "<|tool_call_begin|>", id);
  grammar.On(section, "<|tool_calls_section_end|>", ReplyGrammar::kContent);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<|tool_calls_section_begin|>", section);
  grammar.On(ReplyGrammar::kContent, "<|tool_call_begin|>", id);
  return grammar;
}

}  // namespace foregate
