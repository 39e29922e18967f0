// Calls in Python's spelling, `[weather(city="Bonn", days=3), now()]`: where the list ends, and what it says in JSON.
#ifndef FOREGATE_SERVER_TEXT_REPLY_PYTHON_CALLS_H_
#define FOREGATE_SERVER_TEXT_REPLY_PYTHON_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/text/reply/json_scanner.h"
#include "server/text/reply/reply_format.h"

namespace foregate {

inline constexpr size_t kMaxPythonDepth = 64;

// Follows a list of calls byte by byte, only as closely as it must to find its end and to give up early on a Markdown
// link or a list of numbers. Not thread-safe.
class PythonListScanner {
 public:
  // kDone with the closing bracket of the list; kError with the first byte that a list of calls cannot have there.
  ScanState Feed(char byte);

 private:
  enum class Mode : uint8_t {
    kBegin,
    kBeforeName,
    kName,
    kArguments,
    kAfterCall,
    kQuote,
    kTwoQuotes,
    kString,
    kLongString,  // kQuote: behind the first quote, which may open "", """ or "text"
  };
  ScanState FeedArguments(char byte);
  ScanState FeedString(char byte);
  ScanState Go(Mode mode);

  Mode mode_ = Mode::kBegin;
  char quote_ = 0;
  bool escaped_ = false;
  int num_closing_quotes_ = 0;
  std::string open_;
};

// The calls of a list; with or without the brackets, separated by commas or line breaks. Arguments must be keywords
// with literal values: strings, numbers, True, False, None (true, false, null), lists, tuples and dicts with string
// keys.
std::optional<std::vector<ReplyToolCall>> ParsePythonCalls(std::string_view text);

// One literal in JSON, with Python's separators (", " and ": ").
std::optional<std::string> PythonLiteralToJson(std::string_view text);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_PYTHON_CALLS_H_
