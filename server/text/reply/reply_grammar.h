// How a family writes its replies, as data: a small automaton of text, markers and calls.
//
// A state that is text streams out until one of its markers appears. Every other state belongs to a call or to a marker
// in progress, whose text is held: it either reaches an accepting state, or some byte shows that it is none, and then
// all that was held is text and reading goes on at that byte. So no byte is read twice and nothing can be lost.
#ifndef FOREGATE_SERVER_TEXT_REPLY_REPLY_GRAMMAR_H_
#define FOREGATE_SERVER_TEXT_REPLY_REPLY_GRAMMAR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/text/reply/reply_format.h"
#include "server/text/reply/tool_schema.h"

namespace foregate {

// What a captured piece of a call is.
enum class ReplySlot : uint8_t {
  kId,
  kName,
  kKey,
  kTypedValue,   // bare text, whose type the tool's schema tells
  kTypedLines,   // the same between line breaks of the template
  kStringValue,  // marked as a string by the model
  kJsonValue,    // marked as anything else
  kBody,         // JSON or Python
  kIgnored,
};

struct ReplyCapture {
  ReplySlot slot;
  std::string_view text;
};

// The calls that the captures of one accepted text are; nothing when it is no call after all.
using CallBuilder = std::optional<std::vector<ReplyToolCall>> (*)(const std::vector<ReplyCapture>& captures,
                                                                  const ToolSchema& schema);

using StateId = size_t;
inline constexpr StateId kNoState = ~size_t{0};

struct ReplyEdge {
  enum class Use : uint8_t {
    kTake,    // the marker belongs to what follows, and becomes text with it if that fails
    kCommit,  // the marker is one whatever follows
    kPeek,    // the marker's bytes are left for the next state; not from a text state
  };
  std::string marker;
  StateId target = kNoState;
  Use use = Use::kTake;
};

struct ReplyState {
  enum class Kind : uint8_t { kContent, kReasoning, kExpect, kCapture, kJson, kPythonList, kAccept };
  Kind kind = Kind::kContent;
  std::vector<ReplyEdge> edges;  // the longest that matches is taken
  bool skips_space = false;      // kExpect: white space may stand before the marker
  std::string forbidden;         // kCapture: a byte of these shows that it is no call
  ReplySlot slot = ReplySlot::kBody;
  StateId next = kNoState;       // kJson, kPythonList, kAccept: what follows
  StateId otherwise = kNoState;  // kExpect: where to go without a marker; else that is no call
  StateId at_end = kNoState;     // kExpect, kCapture: where to go when the reply ends here; else that is no call
  StateId fallback = kNoState;   // the text state that takes what was no call; else the one that the held text began in
  CallBuilder builder = nullptr;

  std::string stop_bytes;  // where a search must look: the first bytes of the markers, and `forbidden`

  bool is_text() const { return kind == Kind::kContent || kind == Kind::kReasoning; }
};

// State 0 is the content of the reply, made by the constructor. Built once, then only read: thread-safe.
class ReplyGrammar {
 public:
  static constexpr StateId kContent = 0;

  ReplyGrammar();

  StateId Content();
  StateId Reasoning();
  StateId Expect(bool skips_space);
  StateId Capture(ReplySlot slot, std::string_view forbidden = "");
  StateId Json(StateId next, ReplySlot slot = ReplySlot::kBody);
  StateId PythonList(StateId next);
  StateId Accept(CallBuilder builder, StateId next);

  // Markers from a state. `breaks`: as many line breaks before a marker, 0 to that number, are part of it.
  void On(StateId from, std::string_view marker, StateId target, ReplyEdge::Use use = ReplyEdge::Use::kTake);
  void OnAfterBreaks(StateId from, int breaks, std::string_view marker, StateId target);

  ReplyState& state(StateId id) { return states_[id]; }
  const ReplyState& state(StateId id) const { return states_[id]; }

  // Where a reply begins: behind a prompt that ends so; the longest suffix that fits wins, "" fits always.
  void StartAt(std::string_view prompt_suffix, StateId state);
  StateId StartAfter(std::string_view prompt_end) const;

  // Reasoning between one of `opens` and one of `closes` at the beginning of the reply (elsewhere they are words),
  // already open if the prompt ends with one of `opens`. What follows it, or begins the reply without it, is `answer`.
  void AddReasoning(const std::vector<std::string>& opens, const std::vector<std::string>& closes,
                    StateId answer = kContent);

 private:
  struct Start {
    std::string suffix;
    StateId state;
  };
  StateId Add(ReplyState::Kind kind);

  std::vector<ReplyState> states_;
  std::vector<Start> starts_;
  StateId reply_start_ = kNoState;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_REPLY_GRAMMAR_H_
