// Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5:
//   <tool_call>\n<function=NAME>\n<parameter=KEY>\nVALUE\n</parameter>\n</function>\n</tool_call>
// Models leave the outer tag out now and then, at either end. Seed-OSS writes the same inside <seed:tool_call>, its
// values without line breaks.
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {
namespace {

ReplyGrammar FunctionTagGrammar(bool has_tools, const std::string& space, ReplySlot value_slot) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<" + space + "think>"}, {"</" + space + "think>"});
  if (!has_tools) return grammar;

  const StateId accept = grammar.Accept(&BuildKeyedCall, ReplyGrammar::kContent);
  const StateId end = grammar.Expect(/*skips_space=*/true);
  grammar.On(end, "</" + space + "tool_call>", accept);
  grammar.state(end).otherwise = accept;
  grammar.state(end).at_end = accept;

  const StateId parameters = grammar.Expect(/*skips_space=*/true);
  const StateId name = grammar.Capture(ReplySlot::kName, " \t\r\n<\"{");
  grammar.On(name, ">", parameters);
  const StateId key = grammar.Capture(ReplySlot::kKey, "\r\n<\"{");
  const StateId value = grammar.Capture(value_slot);
  grammar.On(key, ">", value);
  grammar.On(value, "</parameter>", parameters);
  grammar.On(parameters, "<parameter=", key);
  grammar.On(parameters, "</function>", end);

  const StateId begin = grammar.Expect(/*skips_space=*/true);
  grammar.On(begin, "<function=", name);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<" + space + "tool_call>", begin);
  grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<function=", name);
  return grammar;
}

}  // namespace

ReplyGrammar Qwen3CoderGrammar(bool has_tools) { return FunctionTagGrammar(has_tools, "", ReplySlot::kTypedLines); }

ReplyGrammar SeedOssGrammar(bool has_tools) { return FunctionTagGrammar(has_tools, "seed:", ReplySlot::kTypedValue); }

}  // namespace foregate
