#include "server/text/reply/grammar_parser.h"

#include <algorithm>
#include <utility>

namespace foregate {
namespace {

struct MarkerMatch {
  const ReplyEdge* edge = nullptr;
  bool is_partial = false;  // more text could make a marker, or a longer one
};

MarkerMatch MatchAt(std::string_view text, const ReplyState& state, bool final) {
  MarkerMatch match;
  for (const ReplyEdge& edge : state.edges) {
    if (text.starts_with(edge.marker)) {
      if (match.edge == nullptr || edge.marker.size() > match.edge->marker.size()) match.edge = &edge;
    } else if (!final && edge.marker.starts_with(text)) {
      match.is_partial = true;
    }
  }
  if (match.is_partial) match.edge = nullptr;
  return match;
}

struct FoundMarker {
  size_t begin;  // no marker begins before this
  const ReplyEdge* edge = nullptr;
  bool is_forbidden = false;  // a byte of state.forbidden stands at `begin`
};

// One pass for markers and forbidden bytes: looking for one of them alone could run to the end again and again.
FoundMarker FindMarker(std::string_view text, size_t from, const ReplyState& state, bool final) {
  for (size_t i = from; (i = text.find_first_of(state.stop_bytes, i)) != std::string_view::npos; ++i) {
    const MarkerMatch match = MatchAt(text.substr(i), state, final);
    if (match.is_partial || match.edge != nullptr) return {i, match.edge};
    if (state.forbidden.find(text[i]) != std::string::npos) return {i, nullptr, true};
  }
  return {text.size()};
}

}  // namespace

GrammarParser::GrammarParser(const ReplyGrammar* grammar, StateId start, ToolSchema schema)
    : grammar_(grammar), schema_(std::move(schema)), state_(start) {}

ReplyDelta GrammarParser::Push(std::string_view text) {
  buffer_.append(text);
  return Run(/*final=*/false);
}

ReplyDelta GrammarParser::Finish() { return Run(/*final=*/true); }

ReplyDelta GrammarParser::Run(bool final) {
  for (;;) {
    const std::string_view all = buffer_;
    if (!holds()) {
      if (StepText(all, final) == Progress::kNeedsMore) break;
      continue;
    }
    const size_t limit_end = held_begin_ + kMaxCallBytes;
    const bool over_limit = all.size() > limit_end;
    const std::string_view window = all.substr(0, limit_end);
    if (Step(window, final && !over_limit) == Progress::kStepped) continue;
    if (!over_limit) break;
    FailAtLimit(limit_end);
  }
  const size_t num_done = holds() ? held_begin_ : position_;
  buffer_.erase(0, num_done);
  position_ -= num_done;
  scanned_ -= std::min(scanned_, num_done);
  held_begin_ -= std::min(held_begin_, num_done);
  for (Span& span : captures_) {
    span.begin -= num_done;
    span.end -= num_done;
  }
  return std::exchange(delta_, ReplyDelta());
}

GrammarParser::Progress GrammarParser::Step(std::string_view window, bool final) {
  switch (current().kind) {
    case ReplyState::Kind::kExpect:
      return StepExpect(window, final);
    case ReplyState::Kind::kCapture:
      return StepCapture(window, final);
    case ReplyState::Kind::kJson:
      return StepScanner(window, final, &json_);
    case ReplyState::Kind::kPythonList:
      return StepScanner(window, final, &python_);
    case ReplyState::Kind::kAccept:
      return StepAccept();
    default:
      return StepText(window, final);
  }
}

GrammarParser::Progress GrammarParser::StepText(std::string_view window, bool final) {
  const FoundMarker found = FindMarker(window, position_, current(), final);
  Emit(current().kind == ReplyState::Kind::kContent ? ReplySegment::Kind::kContent : ReplySegment::Kind::kReasoning,
       position_, found.begin);
  position_ = found.begin;
  if (found.edge == nullptr) return Progress::kNeedsMore;
  text_state_ = state_;
  Hold(position_);
  return Take(*found.edge);
}

GrammarParser::Progress GrammarParser::StepExpect(std::string_view window, bool final) {
  const ReplyState& state = current();
  if (state.skips_space) {
    while (scanned_ < window.size() && IsAsciiSpace(window[scanned_])) ++scanned_;
  }
  const MarkerMatch match = MatchAt(window.substr(scanned_), state, final);
  if (match.is_partial) return Progress::kNeedsMore;  // so is nothing at all
  if (match.edge != nullptr) {
    position_ = scanned_;
    return Take(*match.edge);
  }
  if (final && scanned_ == window.size() && state.at_end != kNoState) {
    position_ = window.size();
    return Go(state.at_end);
  }
  if (state.otherwise != kNoState) return Go(state.otherwise);
  if (final && state.at_end != kNoState) {
    // The beginning of the end marker is all that came of it.
    for (const ReplyEdge& edge : state.edges) {
      if (!edge.marker.starts_with(window.substr(scanned_))) continue;
      position_ = window.size();
      return Go(state.at_end);
    }
  }
  return Fail(scanned_);
}

GrammarParser::Progress GrammarParser::StepCapture(std::string_view window, bool final) {
  const ReplyState& state = current();
  const FoundMarker found = FindMarker(window, scanned_, state, final);
  if (found.is_forbidden) return Fail(found.begin);
  scanned_ = found.begin;
  const bool ends = found.edge == nullptr && final && state.at_end != kNoState;
  if (found.edge == nullptr && !ends) return final ? Fail(window.size()) : Progress::kNeedsMore;
  captures_.push_back({state.slot, position_, found.begin});
  position_ = found.begin;
  return ends ? Go(state.at_end) : Take(*found.edge);
}

template <typename Scanner>
GrammarParser::Progress GrammarParser::StepScanner(std::string_view window, bool final, Scanner* scanner) {
  for (; scanned_ < window.size(); ++scanned_) {
    const ScanState scan = scanner->Feed(window[scanned_]);
    if (scan == ScanState::kError) return Fail(scanned_);
    if (scan == ScanState::kMore) continue;
    captures_.push_back({current().slot, position_, scanned_ + 1});
    position_ = scanned_ + 1;
    return Go(current().next);
  }
  return final ? Fail(window.size()) : Progress::kNeedsMore;
}

GrammarParser::Progress GrammarParser::StepAccept() {
  std::vector<ReplyCapture> captures;
  captures.reserve(captures_.size());
  for (const Span& span : captures_) {
    captures.push_back({span.slot, std::string_view(buffer_).substr(span.begin, span.end - span.begin)});
  }
  std::optional<std::vector<ReplyToolCall>> calls = current().builder(captures, schema_);
  if (!calls.has_value() || calls->empty()) return Fail(position_);
  Emit(ReplySegment::Kind::kCall, held_begin_, position_);
  for (ReplyToolCall& call : *calls) delta_.tool_calls.push_back(std::move(call));
  Hold(position_);
  return Go(current().next);
}

GrammarParser::Progress GrammarParser::Take(const ReplyEdge& edge) {
  if (edge.use != ReplyEdge::Use::kPeek) position_ += edge.marker.size();
  if (edge.use == ReplyEdge::Use::kCommit) {
    Emit(ReplySegment::Kind::kMarker, held_begin_, position_);
    Hold(position_);
  }
  return Go(edge.target);
}

GrammarParser::Progress GrammarParser::Go(StateId state) {
  state_ = state;
  scanned_ = position_;
  if (current().is_text()) {
    Emit(ReplySegment::Kind::kMarker, held_begin_, position_);
    Hold(position_);
  } else if (current().kind == ReplyState::Kind::kJson) {
    json_ = JsonScanner();
  } else if (current().kind == ReplyState::Kind::kPythonList) {
    python_ = PythonListScanner();
  }
  return Progress::kStepped;
}

GrammarParser::Progress GrammarParser::Fail(size_t end) {
  const StateId fallback = current().fallback;
  state_ = fallback == kNoState ? text_state_ : fallback;
  Emit(current().kind == ReplyState::Kind::kContent ? ReplySegment::Kind::kContent : ReplySegment::Kind::kReasoning,
       held_begin_, end);
  position_ = end;
  Hold(end);
  return Progress::kStepped;
}

GrammarParser::Progress GrammarParser::FailAtLimit(size_t limit_end) {
  // Between characters, so that no piece of text is broken UTF-8.
  size_t end = limit_end;
  while (end > limit_end - 3 && (static_cast<uint8_t>(buffer_[end]) & 0xC0) == 0x80) --end;
  return Fail(end);
}

void GrammarParser::Hold(size_t begin) {
  held_begin_ = begin;
  captures_.clear();
}

void GrammarParser::Emit(ReplySegment::Kind kind, size_t begin, size_t end) {
  if (begin == end) return;
  const std::string_view text = std::string_view(buffer_).substr(begin, end - begin);
  if (kind == ReplySegment::Kind::kContent) delta_.content += text;
  if (kind == ReplySegment::Kind::kReasoning) delta_.reasoning += text;
  if (trace_ != nullptr) trace_->push_back({kind, std::string(text)});
}

}  // namespace foregate
