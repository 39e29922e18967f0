// Regular expressions as tokenizer.json writes them (Oniguruma's syntax), executed by PCRE2 with JIT.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/tokenizer/regex_alphabet.h"

struct pcre2_real_code_8;

namespace foregate {

struct TextRange {
  size_t begin;
  size_t end;
};

// Matches as `tokenizers` 0.23.3 does, character class by character class: the expression is parsed here, its sets come
// from our own tables (unicode_sets.h), and PCRE2 sees bytes only (regex_alphabet.h). Immutable and thread-safe.
class Regex {
 public:
  // INVALID_ARGUMENT naming the character where the expression is wrong or needs what we do not have (regex_parser.h).
  static absl::StatusOr<std::unique_ptr<const Regex>> Compile(std::string_view oniguruma_pattern);
  // Matches exactly `text`; an empty one matches between all characters.
  static absl::StatusOr<std::unique_ptr<const Regex>> CompileLiteral(std::string_view text);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Appends all matches from left to right, never two empty ones at one place. An empty text has
  // none, as in `tokenizers`. `text` must be well-formed UTF-8.
  // INVALID_ARGUMENT when the search goes back too often, or takes more than about a second of processor time.
  absl::Status FindAll(std::string_view text, std::vector<TextRange>* matches) const;

 private:
  Regex(pcre2_real_code_8* code, bool has_jit, bool asks_search_begin, RegexAlphabet alphabet)
      : code_(code), has_jit_(has_jit), asks_search_begin_(asks_search_begin), alphabet_(std::move(alphabet)) {}
  explicit Regex(std::string_view literal) : literal_(literal) {}

  void FindLiteral(std::string_view text, std::vector<TextRange>* matches) const;

  pcre2_real_code_8* code_ = nullptr;  // null for a literal
  bool has_jit_ = false;
  bool asks_search_begin_ = false;  // \G
  RegexAlphabet alphabet_;
  std::string literal_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_H_
