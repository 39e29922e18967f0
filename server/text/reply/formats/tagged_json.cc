// JSON between tags.
//   hermes       <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>, one tag for each call: Hermes 2 and 3,
//                Qwen 2.5 and 3, Granite 4, ERNIE 4.5, Ling
//   nemotron     <TOOLCALL>[{...}, {...}]</TOOLCALL>
//   minimax_m1   <tool_calls>\n{...}\n{...}\n</tool_calls>; Apriel, Jamba and Hunyuan write an array in there
//   phi4_mini    <|tool_call|>{...}<|/tool_call|> or an array, also functools[...] at the beginning of the reply
//   cohere       <|START_ACTION|>[{"tool_call_id", "tool_name", "parameters"}]<|END_ACTION|>, the answer in tags too
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {
namespace {

constexpr int kBreaks = 2;  // before a call: the template's own, and one more that models like to write

struct Tags {
  std::string_view open;
  std::string_view close;
};

// OPEN JSON CLOSE, repeated. The closing tag may be missing at the end of the reply only.
void AddTaggedJson(ReplyGrammar* grammar, const Tags& tags, bool allows_array) {
  const StateId accept = grammar->Accept(&BuildJsonCalls, ReplyGrammar::kContent);
  const StateId end = grammar->Expect(/*skips_space=*/true);
  grammar->On(end, tags.close, accept);
  grammar->state(end).at_end = accept;
  const StateId json = grammar->Json(end);
  const StateId begin = grammar->Expect(/*skips_space=*/true);
  grammar->On(begin, "{", json, ReplyEdge::Use::kPeek);
  if (allows_array) grammar->On(begin, "[", json, ReplyEdge::Use::kPeek);
  grammar->OnAfterBreaks(ReplyGrammar::kContent, kBreaks, tags.open, begin);
}

}  // namespace

ReplyGrammar HermesGrammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (has_tools) AddTaggedJson(&grammar, {"<tool_call>", "</tool_call>"}, /*allows_array=*/false);
  return grammar;
}

ReplyGrammar NemotronGrammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (has_tools) AddTaggedJson(&grammar, {"<TOOLCALL>", "</TOOLCALL>"}, /*allows_array=*/true);
  return grammar;
}

ReplyGrammar MinimaxM1Grammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (!has_tools) return grammar;
  // The closing tag ends a list of calls, each of which is delivered as soon as its brace closes.
  const StateId section = grammar.Expect(/*skips_space=*/true);
  const StateId json = grammar.Json(grammar.Accept(&BuildJsonCalls, section));
  grammar.On(section, "{", json, ReplyEdge::Use::kPeek);
  grammar.On(section, "[", json, ReplyEdge::Use::kPeek);
  grammar.On(section, "</tool_calls>", ReplyGrammar::kContent);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, kBreaks, "<tool_calls>", section);
  return grammar;
}

ReplyGrammar Phi4MiniGrammar(bool has_tools) {
  ReplyGrammar grammar;
  if (!has_tools) return grammar;
  AddTaggedJson(&grammar, {"<|tool_call|>", "<|/tool_call|>"}, /*allows_array=*/true);
  const StateId json = grammar.Json(grammar.Accept(&BuildJsonCalls, ReplyGrammar::kContent));
  const StateId list = grammar.Expect(/*skips_space=*/false);
  grammar.On(list, "[", json, ReplyEdge::Use::kPeek);
  const StateId start = grammar.Expect(/*skips_space=*/true);
  grammar.On(start, "functools", list);
  grammar.state(start).otherwise = ReplyGrammar::kContent;
  grammar.StartAt("", start);
  return grammar;
}

ReplyGrammar CohereGrammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<|START_THINKING|>"}, {"<|END_THINKING|>"});
  for (const std::string_view tag : {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"}) {
    grammar.On(ReplyGrammar::kContent, tag, ReplyGrammar::kContent);
  }
  if (has_tools) AddTaggedJson(&grammar, {"<|START_ACTION|>", "<|END_ACTION|>"}, /*allows_array=*/true);
  return grammar;
}

}  // namespace foregate
