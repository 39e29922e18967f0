// Generated text in, typed content, reasoning and tool calls out, while it streams.
//
// A model writes its tool calls and its reasoning as text, each family in its own spelling. A ReplyFormat knows one
// spelling; a ReplyParser follows one reply in it. The text never changes: what is not certainly a call or reasoning
// is content, byte for byte.
#ifndef FOREGATE_SERVER_TEXT_REPLY_REPLY_FORMAT_H_
#define FOREGATE_SERVER_TEXT_REPLY_REPLY_FORMAT_H_

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate {

struct ReplyToolCall {
  std::string id;         // as the model wrote it, empty in formats that have none
  std::string name;       // never empty
  std::string arguments;  // a JSON object: exactly the generated text where the format writes JSON, else made from it
};

struct ReplyDelta {
  std::string content;
  std::string reasoning;
  std::vector<ReplyToolCall> tool_calls;

  bool empty() const { return content.empty() && reasoning.empty() && tool_calls.empty(); }
};

// One reply in progress. Not thread-safe; independent of the ReplyFormat and the ReplyContext that made it.
//
// The sum of all deltas does not depend on how the text was cut into pieces. Text is given out as soon as it is certain
// what it is: held back is at most the beginning of a marker, or the call that has begun. A call comes whole, when its
// end has been seen and it is one: it has a name, and its arguments are a JSON object. Otherwise all of its text comes
// as content, markers included, so that nothing is lost: content + reasoning + the text of delivered calls + the
// markers between them, in order, are the pushed text. A line break that the family's chat template writes around a
// marker counts as part of the marker. Time is linear in the text; a call longer than kMaxCallBytes is content.
class ReplyParser {
 public:
  static constexpr size_t kMaxCallBytes = 1 << 20;

  virtual ~ReplyParser() = default;

  // `text`: whole characters, and special tokens spelled out where the format needs_special_tokens(). The token that
  // ended the reply may be missing.
  virtual ReplyDelta Push(std::string_view text) = 0;

  // What was held back: a call that only lacks its end marker is a call, everything else is text. No Push() afterwards.
  virtual ReplyDelta Finish() = 0;
};

// Borrowed, only for the time of NewParser().
struct ReplyContext {
  // The end of the rendered prompt, a few hundred bytes: it tells whether reasoning is already open, or which channel.
  std::string_view prompt_end;

  // False: the caller offered no tools, and what looks like a call is content. Reasoning is parsed all the same.
  bool has_tools = false;

  // The request's tools, an array of {"type": "function", "function": {"name", "parameters": SCHEMA}} or of the inner
  // objects. Formats that write arguments without JSON's quotes need the schema to tell "1" from 1; without it a value
  // that reads as JSON is JSON, any other a string.
  const nlohmann::ordered_json* tools = nullptr;
};

// A family's spelling. Immutable, thread-safe, lives as long as the process.
class ReplyFormat {
 public:
  virtual ~ReplyFormat() = default;

  // INVALID_ARGUMENT for an unknown name lists those that are known.
  static absl::StatusOr<const ReplyFormat*> Find(std::string_view name);

  // The format whose markers the template's source writes; "plain", which has no markers at all, where none is known.
  static const ReplyFormat& Detect(std::string_view chat_template_source);

  // All names, "plain" first.
  static std::vector<std::string_view> Names();

  virtual std::string_view name() const = 0;

  // True where markers are special tokens of the tokenizer: the text must be decoded with them spelled out.
  virtual bool needs_special_tokens() const = 0;

  virtual std::unique_ptr<ReplyParser> NewParser(const ReplyContext& context) const = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_REPLY_FORMAT_H_
