// Granite 3: <|tool_call|>[{"name": ..., "arguments": {...}}], the array written after <tool_call> by some (Granite 4
// is hermes). It reasons in <think>...</think><response>...</response> (3.3), or between two sentences (3.2).
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {

ReplyGrammar GraniteGrammar(bool has_tools) {
  ReplyGrammar grammar;
  // What stands in <response> loses the tag that closes it; elsewhere that tag is a word.
  const StateId response = grammar.Content();
  grammar.On(response, "</response>", ReplyGrammar::kContent);
  const StateId answer = grammar.Expect(/*skips_space=*/false);
  for (int breaks = 0; breaks <= 2; ++breaks) grammar.On(answer, std::string(breaks, '\n') + "<response>", response);
  grammar.state(answer).otherwise = ReplyGrammar::kContent;
  grammar.state(answer).at_end = ReplyGrammar::kContent;
  grammar.state(answer).fallback = ReplyGrammar::kContent;
  grammar.AddReasoning({"<think>"}, {"</think>"}, answer);
  grammar.AddReasoning({"Here is my thought process:", "Here's my thought process:"},
                       {"Here is my response:", "Here's my response:"}, answer);
  if (!has_tools) return grammar;

  const StateId accept = grammar.Accept(&BuildJsonCalls, ReplyGrammar::kContent);
  const StateId end = grammar.Expect(/*skips_space=*/true);
  for (const std::string_view tag : {"</tool_call>", "<|/tool_call|>"}) grammar.On(end, tag, accept);
  grammar.state(end).otherwise = accept;
  grammar.state(end).at_end = accept;
  const StateId json = grammar.Json(end);
  const StateId begin = grammar.Expect(/*skips_space=*/true);
  grammar.On(begin, "[", json, ReplyEdge::Use::kPeek);
  grammar.On(begin, "{", json, ReplyEdge::Use::kPeek);
  for (const StateId text : {ReplyGrammar::kContent, response}) {
    grammar.OnAfterBreaks(text, 2, "<|tool_call|>", begin);
    grammar.OnAfterBreaks(text, 2, "<tool_call>", begin);
  }
  return grammar;
}

}  // namespace foregate
