// Calls as <invoke name="NAME"> with <parameter name="KEY"> inside a section.
//   minimax       MiniMax M2: <minimax:tool_call>; values are typed by the schema
//   deepseek_v32  DeepSeek V3.2 and V4: <｜DSML｜function_calls> or <｜DSML｜tool_calls>; string="true|false" tells the
//   type
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"

namespace foregate {
namespace {

struct InvokeTags {
  std::vector<std::string> sections;  // without brackets
  std::string prefix;                 // of "invoke" and "parameter"
  bool marks_strings = false;
};

ReplyGrammar InvokeGrammar(bool has_tools, const InvokeTags& tags) {
  ReplyGrammar grammar;
  grammar.AddReasoning({"<think>"}, {"</think>"});
  if (!has_tools) return grammar;

  const StateId section = grammar.Expect(/*skips_space=*/true);
  const StateId accept = grammar.Accept(&BuildKeyedCall, section);
  const StateId parameters = grammar.Expect(/*skips_space=*/true);
  const StateId name = grammar.Capture(ReplySlot::kName, "\r\n<{");
  grammar.On(name, "\">", parameters);
  grammar.On(section, "<" + tags.prefix + "invoke name=\"", name);
  grammar.On(parameters, "</" + tags.prefix + "invoke>", accept);

  const std::string parameter_end = "</" + tags.prefix + "parameter>";
  const StateId key = grammar.Capture(ReplySlot::kKey, "\r\n<");
  grammar.On(parameters, "<" + tags.prefix + "parameter name=\"", key);
  if (tags.marks_strings) {
    const StateId string_value = grammar.Capture(ReplySlot::kStringValue);
    const StateId json_value = grammar.Capture(ReplySlot::kJsonValue);
    grammar.On(key, "\" string=\"true\">", string_value);
    grammar.On(key, "\" string=\"false\">", json_value);
    grammar.On(string_value, parameter_end, parameters);
    grammar.On(json_value, parameter_end, parameters);
  } else {
    const StateId value = grammar.Capture(ReplySlot::kTypedValue);
    grammar.On(key, "\">", value);
    grammar.On(value, parameter_end, parameters);
  }
  for (const std::string& tag : tags.sections) {
    grammar.On(section, "</" + tag + ">", ReplyGrammar::kContent);
    grammar.OnAfterBreaks(ReplyGrammar::kContent, 2, "<" + tag + ">", section);
  }
  return grammar;
}

}  // namespace

ReplyGrammar MinimaxM2Grammar(bool has_tools) { return InvokeGrammar(has_tools, {{"minimax:tool_call"}, "", false}); }

ReplyGrammar DeepseekV32Grammar(bool has_tools) {
  return InvokeGrammar(has_tools, {{"｜DSML｜function_calls", "｜DSML｜tool_calls"}, "｜DSML｜", true});
}

}  // namespace foregate
