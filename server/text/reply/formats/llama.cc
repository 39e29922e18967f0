// Llama.
//   llama3_json  the reply is {"name": ..., "parameters": {...}}, or <|python_tag|> and that; several are separated by
//   ";".
//                Built-in tools: <|python_tag|>NAME.call(query="...")
//   pythonic     the reply is [f(a=1, b="x"), g()]; Llama 4 also in <|python_start|>...<|python_end|>, or as JSON
//   olmo3        <function_calls>\nf(a=1)\ng()\n</function_calls>
//   lfm2         <|tool_call_start|>[f(a=1)]<|tool_call_end|>
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {
namespace {

// NAME.call(...): the tool is NAME.
ReplyToolCalls BuildBuiltInCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  ReplyToolCalls calls = BuildPythonCalls(captures, schema);
  constexpr std::string_view kMethod = ".call";
  if (!calls.has_value() || calls->size() != 1 || !calls->front().name.ends_with(kMethod)) return std::nullopt;
  std::string& name = calls->front().name;
  name.resize(name.size() - kMethod.size());
  if (name.empty()) return std::nullopt;
  return calls;
}

// A reply that is nothing but calls: `start` is reached at its beginning and may give way to content.
StateId AddReplyStart(ReplyGrammar* grammar) {
  const StateId start = grammar->Expect(/*skips_space=*/true);
  grammar->state(start).otherwise = ReplyGrammar::kContent;
  grammar->state(start).at_end = ReplyGrammar::kContent;
  grammar->StartAt("", start);
  return start;
}

void AddTaggedPython(ReplyGrammar* grammar, std::string_view open, std::string_view close) {
  const StateId body = grammar->Capture(ReplySlot::kBody);
  const StateId accept = grammar->Accept(&BuildPythonCalls, ReplyGrammar::kContent);
  grammar->On(body, close, accept);
  grammar->state(body).at_end = accept;
  grammar->OnAfterBreaks(ReplyGrammar::kContent, 2, open, body);
}

}  // namespace

ReplyGrammar Llama3JsonGrammar(bool has_tools) {
  ReplyGrammar grammar;
  if (!has_tools) return grammar;
  const StateId next = grammar.Expect(/*skips_space=*/true);
  const StateId json = grammar.Json(grammar.Accept(&BuildJsonCalls, next));
  const StateId tagged = grammar.Expect(/*skips_space=*/true);
  const StateId separated = grammar.Expect(/*skips_space=*/true);
  grammar.On(next, ";", separated);
  grammar.On(next, "<|python_tag|>", tagged);
  grammar.state(next).at_end = ReplyGrammar::kContent;
  grammar.On(separated, "{", json, ReplyEdge::Use::kPeek);
  grammar.On(separated, "<|python_tag|>", tagged);

  const StateId built_in = grammar.Capture(ReplySlot::kBody);
  const StateId accept_built_in = grammar.Accept(&BuildBuiltInCall, ReplyGrammar::kContent);
  for (const std::string_view end : {"<|eom_id|>", "<|eot_id|>"}) grammar.On(built_in, end, accept_built_in);
  grammar.state(built_in).at_end = accept_built_in;
  grammar.On(tagged, "{", json, ReplyEdge::Use::kPeek);
  grammar.state(tagged).otherwise = built_in;

  const StateId start = AddReplyStart(&grammar);
  grammar.On(start, "{", json, ReplyEdge::Use::kPeek);
  grammar.On(start, "<|python_tag|>", tagged);
  grammar.On(ReplyGrammar::kContent, "<|python_tag|>", tagged);
  return grammar;
}

ReplyGrammar PythonicGrammar(bool has_tools) {
  ReplyGrammar grammar;
  if (!has_tools) return grammar;
  const StateId list = grammar.PythonList(grammar.Accept(&BuildPythonCalls, ReplyGrammar::kContent));
  const StateId tag_end = grammar.Expect(/*skips_space=*/true);
  const StateId accept_tagged = grammar.Accept(&BuildPythonCalls, ReplyGrammar::kContent);
  grammar.On(tag_end, "<|python_end|>", accept_tagged);
  grammar.state(tag_end).at_end = accept_tagged;
  const StateId tagged_list = grammar.PythonList(tag_end);
  const StateId tagged = grammar.Expect(/*skips_space=*/true);
  grammar.On(tagged, "[", tagged_list, ReplyEdge::Use::kPeek);

  const StateId next = grammar.Expect(/*skips_space=*/true);
  const StateId json = grammar.Json(grammar.Accept(&BuildJsonCalls, next));
  const StateId separated = grammar.Expect(/*skips_space=*/true);
  grammar.On(next, ";", separated);
  grammar.On(next, "{", json, ReplyEdge::Use::kPeek);
  grammar.state(next).at_end = ReplyGrammar::kContent;
  grammar.On(separated, "{", json, ReplyEdge::Use::kPeek);

  const StateId start = AddReplyStart(&grammar);
  grammar.On(start, "[", list, ReplyEdge::Use::kPeek);
  grammar.On(start, "{", json, ReplyEdge::Use::kPeek);
  grammar.On(start, "<|python_start|>", tagged);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<|python_start|>", tagged);
  return grammar;
}

ReplyGrammar Olmo3Grammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (has_tools) AddTaggedPython(&grammar, "<function_calls>", "</function_calls>");
  return grammar;
}

ReplyGrammar Lfm2Grammar(bool has_tools) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (has_tools) AddTaggedPython(&grammar, "<|tool_call_start|>", "<|tool_call_end|>");
  return grammar;
}

}  // namespace foregate
