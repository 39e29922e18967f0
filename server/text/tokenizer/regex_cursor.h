// Where the parser of a regular expression stands, and which options hold there.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_CURSOR_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_CURSOR_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace foregate {

// (?imxWDSP)
struct RegexOptions {
  bool ignore_case = false;
  bool dot_matches_newline = false;  // m
  bool extended = false;             // x
  bool ascii_word = false;
  bool ascii_digit = false;
  bool ascii_space = false;
  bool ascii_posix = false;
};

struct RegexCursor {
  static constexpr char32_t kEnd = 0xFFFFFFFF;

  std::u32string pattern;
  size_t position = 0;
  RegexOptions options;

  bool at_end() const { return position >= pattern.size(); }
  char32_t Peek(size_t ahead = 0) const { return position + ahead < pattern.size() ? pattern[position + ahead] : kEnd; }
  char32_t Next() { return at_end() ? kEnd : pattern[position++]; }
  bool Consume(char32_t expected) {
    if (Peek() != expected) return false;
    ++position;
    return true;
  }
  bool Consume(std::u32string_view expected) {
    if (std::u32string_view(pattern).substr(position, expected.size()) != expected) return false;
    position += expected.size();
    return true;
  }

  // INVALID_ARGUMENT "bad regular expression: WHAT at character N".
  absl::Status Error(std::string_view what, size_t at) const {
    return absl::InvalidArgumentError("bad regular expression: " + std::string(what) + " at character " +
                                      std::to_string(at));
  }
  absl::Status Error(std::string_view what) const { return Error(what, position); }
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_CURSOR_H_
