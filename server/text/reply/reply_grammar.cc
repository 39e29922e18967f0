#include "server/text/reply/reply_grammar.h"

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr int kMaxBreaks = 2;  // templates write one or two line breaks around a marker

}  // namespace

ReplyGrammar::ReplyGrammar() {
  Add(ReplyState::Kind::kContent);
  StartAt("", kContent);
}

StateId ReplyGrammar::Add(ReplyState::Kind kind) {
  states_.emplace_back().kind = kind;
  return states_.size() - 1;
}

StateId ReplyGrammar::Content() { return Add(ReplyState::Kind::kContent); }

StateId ReplyGrammar::Reasoning() { return Add(ReplyState::Kind::kReasoning); }

StateId ReplyGrammar::Expect(bool skips_space) {
  const StateId id = Add(ReplyState::Kind::kExpect);
  states_[id].skips_space = skips_space;
  return id;
}

StateId ReplyGrammar::Capture(ReplySlot slot, std::string_view forbidden) {
  const StateId id = Add(ReplyState::Kind::kCapture);
  states_[id].slot = slot;
  states_[id].forbidden = forbidden;
  states_[id].stop_bytes = forbidden;
  return id;
}

StateId ReplyGrammar::Json(StateId next, ReplySlot slot) {
  const StateId id = Add(ReplyState::Kind::kJson);
  states_[id].slot = slot;
  states_[id].next = next;
  return id;
}

StateId ReplyGrammar::PythonList(StateId next) {
  const StateId id = Add(ReplyState::Kind::kPythonList);
  states_[id].next = next;
  return id;
}

StateId ReplyGrammar::Accept(CallBuilder builder, StateId next) {
  const StateId id = Add(ReplyState::Kind::kAccept);
  states_[id].builder = builder;
  states_[id].next = next;
  return id;
}

void ReplyGrammar::On(StateId from, std::string_view marker, StateId target, ReplyEdge::Use use) {
  ReplyState& state = states_[from];
  FOREGATE_CHECK(!marker.empty());
  FOREGATE_CHECK(use != ReplyEdge::Use::kPeek || !state.is_text());
  state.edges.push_back({std::string(marker), target, use});
  if (state.stop_bytes.find(marker[0]) == std::string::npos) state.stop_bytes.push_back(marker[0]);
}

void ReplyGrammar::OnAfterBreaks(StateId from, int breaks, std::string_view marker, StateId target) {
  for (int i = 0; i <= breaks; ++i) On(from, std::string(i, '\n') + std::string(marker), target);
}

void ReplyGrammar::StartAt(std::string_view prompt_suffix, StateId state) {
  for (Start& start : starts_) {
    if (start.suffix == prompt_suffix) {
      start.state = state;
      return;
    }
  }
  starts_.push_back({std::string(prompt_suffix), state});
}

StateId ReplyGrammar::StartAfter(std::string_view prompt_end) const {
  const Start* best = &starts_[0];
  for (const Start& start : starts_) {
    if (prompt_end.ends_with(start.suffix) && start.suffix.size() >= best->suffix.size()) best = &start;
  }
  return best->state;
}

void ReplyGrammar::AddReasoning(const std::vector<std::string>& opens, const std::vector<std::string>& closes,
                                StateId answer) {
  const StateId reasoning = Reasoning();
  for (const std::string& close : closes) {
    for (int before = 0; before <= kMaxBreaks; ++before) {
      for (int after = 0; after <= kMaxBreaks; ++after) {
        On(reasoning, std::string(before, '\n') + close + std::string(after, '\n'), answer, ReplyEdge::Use::kCommit);
      }
    }
  }
  const StateId opened = Expect(/*skips_space=*/false);
  On(opened, "\n", reasoning);
  states_[opened].otherwise = reasoning;
  states_[opened].at_end = reasoning;

  if (reply_start_ == kNoState) {
    reply_start_ = Expect(/*skips_space=*/false);
    states_[reply_start_].otherwise = answer;
    states_[reply_start_].at_end = answer;
    StartAt("", reply_start_);
  }
  for (const std::string& open : opens) {
    OnAfterBreaks(reply_start_, kMaxBreaks, open, opened);
    StartAt(open, opened);
    for (int breaks = 1; breaks <= kMaxBreaks; ++breaks) StartAt(open + std::string(breaks, '\n'), reasoning);
  }
}

}  // namespace foregate
