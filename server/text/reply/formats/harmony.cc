// gpt-oss. Messages `<|start|>assistant HEADER<|message|>BODY<|end|>`, whose header names a channel: analysis is
// reasoning, commentary and final are content. A recipient, " to=functions.NAME" behind the role or behind the channel,
// makes the body a call's arguments; <|call|> ends it. The prompt ends with `<|start|>assistant`, and the last message
// has no end marker, because <|return|> and <|call|> stop the reply.
#include "server/text/reply/call_builders.h"
#include "server/text/reply/formats/formats.h"
#include "server/text/reply/json_scanner.h"

namespace foregate {
namespace {

ReplyToolCalls BuildHarmonyCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  (void)schema;
  std::string_view name = CapturedIn(ReplySlot::kName, captures);
  constexpr std::string_view kNamespace = "functions.";
  if (name.starts_with(kNamespace)) name.remove_prefix(kNamespace.size());
  const std::string_view body = CapturedIn(ReplySlot::kBody, captures);
  // A function without parameters is called with nothing at all.
  return OneCall("", name, body.empty() ? "{}" : body);
}

struct HarmonyStates {
  StateId analysis;   // text
  StateId channel;    // behind <|channel|>
  StateId role;       // behind <|start|>assistant
  StateId between;    // behind <|end|>
  StateId recipient;  // behind " to="
};

StateId ExpectOrContent(ReplyGrammar* grammar) {
  const StateId state = grammar->Expect(/*skips_space=*/false);
  grammar->state(state).fallback = ReplyGrammar::kContent;
  return state;
}

// Behind the channel's name: the body, perhaps after a content type, or a recipient.
StateId AddHeaderEnd(ReplyGrammar* grammar, bool has_tools, const HarmonyStates& states, StateId body) {
  const StateId type = grammar->Capture(ReplySlot::kIgnored, "\n<");
  grammar->state(type).fallback = ReplyGrammar::kContent;
  grammar->On(type, "<|message|>", body);
  const StateId header = ExpectOrContent(grammar);
  grammar->On(header, "<|message|>", body);
  grammar->On(header, "<|constrain|>", type);
  grammar->On(header, " <|constrain|>", type);
  if (has_tools) grammar->On(header, " to=", states.recipient);
  return header;
}

void AddText(ReplyGrammar* grammar, bool has_tools, const HarmonyStates& states, StateId text) {
  grammar->On(text, "<|end|>", states.between, ReplyEdge::Use::kCommit);
  grammar->On(text, "<|return|>", states.between, ReplyEdge::Use::kCommit);
  if (has_tools) grammar->On(text, "<|call|>", states.between, ReplyEdge::Use::kCommit);
  grammar->On(text, "<|start|>assistant", states.role);
  grammar->On(text, "<|channel|>", states.channel);
}

void AddCalls(ReplyGrammar* grammar, const HarmonyStates& states) {
  const StateId accept = grammar->Accept(&BuildHarmonyCall, states.between);
  const StateId body = grammar->Capture(ReplySlot::kBody);
  for (const std::string_view end : {"<|call|>", "<|end|>", "<|return|>"}) grammar->On(body, end, accept);
  grammar->On(body, "<|start|>", accept, ReplyEdge::Use::kPeek);
  grammar->state(body).at_end = accept;

  const StateId type = grammar->Capture(ReplySlot::kIgnored, "\n<");
  grammar->On(type, "<|message|>", body);
  const StateId header = grammar->Expect(/*skips_space=*/true);
  grammar->On(header, "<|message|>", body);
  grammar->On(header, "<|constrain|>", type);
  grammar->On(header, "json", header);
  grammar->On(header, "code", header);
  const StateId channel = grammar->Expect(/*skips_space=*/false);
  for (const std::string_view name : {"analysis", "commentary", "final"}) grammar->On(channel, name, header);
  grammar->On(header, "<|channel|>", channel);

  grammar->On(states.recipient, " ", header);
  for (const std::string_view marker : {"<|channel|>", "<|constrain|>", "<|message|>"}) {
    grammar->On(states.recipient, marker, header, ReplyEdge::Use::kPeek);
  }
  for (const StateId state : {accept, body, type, header, channel, states.recipient}) {
    grammar->state(state).fallback = ReplyGrammar::kContent;
  }
}

}  // namespace

ReplyGrammar HarmonyGrammar(bool has_tools) {
  ReplyGrammar grammar;
  HarmonyStates states;
  states.analysis = grammar.Reasoning();
  states.channel = ExpectOrContent(&grammar);
  states.role = ExpectOrContent(&grammar);
  states.between = ExpectOrContent(&grammar);
  states.recipient = grammar.Capture(ReplySlot::kName, "\r\n{\"<");

  const StateId analysis_header = AddHeaderEnd(&grammar, has_tools, states, states.analysis);
  const StateId content_header = AddHeaderEnd(&grammar, has_tools, states, ReplyGrammar::kContent);
  grammar.On(states.channel, "analysis", analysis_header);
  grammar.On(states.channel, "commentary", content_header);
  grammar.On(states.channel, "final", content_header);

  const StateId start = ExpectOrContent(&grammar);
  grammar.On(start, "<|start|>assistant", states.role);
  grammar.On(states.between, "<|start|>assistant", states.role);
  grammar.On(states.between, "<|channel|>", states.channel);
  for (const StateId state : {start, states.role}) {
    grammar.On(state, "<|channel|>", states.channel);
    grammar.On(state, "<|message|>", ReplyGrammar::kContent);
    if (has_tools) grammar.On(state, " to=", states.recipient);
  }
  for (const StateId state : {start, states.between}) {
    grammar.state(state).otherwise = ReplyGrammar::kContent;
    grammar.state(state).at_end = ReplyGrammar::kContent;
  }
  for (const StateId text : {ReplyGrammar::kContent, states.analysis}) AddText(&grammar, has_tools, states, text);
  if (has_tools) AddCalls(&grammar, states);

  grammar.StartAt("", start);
  grammar.StartAt("<|channel|>analysis<|message|>", states.analysis);
  grammar.StartAt("<|channel|>commentary<|message|>", ReplyGrammar::kContent);
  grammar.StartAt("<|channel|>final<|message|>", ReplyGrammar::kContent);
  return grammar;
}

}  // namespace foregate
