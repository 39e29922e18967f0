// Runs a ReplyGrammar over a reply.
#ifndef FOREGATE_SERVER_TEXT_REPLY_GRAMMAR_PARSER_H_
#define FOREGATE_SERVER_TEXT_REPLY_GRAMMAR_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/text/reply/json_scanner.h"
#include "server/text/reply/python_calls.h"
#include "server/text/reply/reply_format.h"
#include "server/text/reply/reply_grammar.h"
#include "server/text/reply/tool_schema.h"

namespace foregate {

// A piece of the pushed text and what became of it. All pieces in order are the text.
struct ReplySegment {
  enum class Kind : uint8_t { kContent, kReasoning, kMarker, kCall };
  Kind kind;
  std::string text;
};

// `grammar` must outlive the parser.
class GrammarParser : public ReplyParser {
 public:
  GrammarParser(const ReplyGrammar* grammar, StateId start, ToolSchema schema);

  ReplyDelta Push(std::string_view text) override;
  ReplyDelta Finish() override;

  // For tests: every segment is appended to *segments, which must outlive the parser.
  void TraceTo(std::vector<ReplySegment>* segments) { trace_ = segments; }

 private:
  struct Span {
    ReplySlot slot;
    size_t begin;
    size_t end;
  };
  enum class Progress : uint8_t { kStepped, kNeedsMore };

  ReplyDelta Run(bool final);
  // One step of the state that is current. They see `window`, which ends where a held text reaches its limit.
  Progress Step(std::string_view window, bool final);
  Progress StepText(std::string_view window, bool final);
  Progress StepExpect(std::string_view window, bool final);
  Progress StepCapture(std::string_view window, bool final);
  Progress StepAccept();
  template <typename Scanner>
  Progress StepScanner(std::string_view window, bool final, Scanner* scanner);

  const ReplyState& current() const { return grammar_->state(state_); }
  Progress Go(StateId state);
  Progress Take(const ReplyEdge& edge);
  // What is held up to `end` is no call: text of the fallback state.
  Progress Fail(size_t end);
  Progress FailAtLimit(size_t limit_end);
  void Emit(ReplySegment::Kind kind, size_t begin, size_t end);
  void Hold(size_t begin);
  bool holds() const { return !current().is_text(); }

  const ReplyGrammar* grammar_;
  ToolSchema schema_;
  StateId state_;
  StateId text_state_ = ReplyGrammar::kContent;  // where the held text began

  std::string buffer_;     // what is not yet given out
  size_t held_begin_ = 0;  // of the held text, when the state is not text
  size_t position_ = 0;    // where the current state begins
  size_t scanned_ = 0;     // how far it has looked without a decision
  std::vector<Span> captures_;
  JsonScanner json_;
  PythonListScanner python_;

  ReplyDelta delta_;
  std::vector<ReplySegment>* trace_ = nullptr;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_GRAMMAR_PARSER_H_
