// Regular expressions as tokenizer.json writes them (Oniguruma's Ruby syntax), executed by PCRE2 with JIT.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct pcre2_real_code_8;

namespace foregate {

struct TextRange {
  size_t begin;
  size_t end;
};

// Rewrites what the two engines read differently: \s and \w (PCRE2 counts U+180E as a space and marks as no word
// characters), \h, and X{m,n}+, which Oniguruma repeats and PCRE2 makes possessive. INVALID_ARGUMENT for set
// operations inside classes, which PCRE2 10.42 does not have.
absl::StatusOr<std::string> TranslateOniguruma(std::string_view pattern);

// Immutable and thread-safe.
class Regex {
 public:
  // INVALID_ARGUMENT naming the offset in the (translated) pattern.
  static absl::StatusOr<std::unique_ptr<const Regex>> Compile(std::string_view oniguruma_pattern);
  // Matches exactly `text`.
  static absl::StatusOr<std::unique_ptr<const Regex>> CompileLiteral(std::string_view text);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Appends all matches from left to right, never two empty ones at one place. `text` must be well-formed UTF-8.
  // INVALID_ARGUMENT when the search exceeds the limit on backtracking.
  absl::Status FindAll(std::string_view text, std::vector<TextRange>* matches) const;

 private:
  explicit Regex(pcre2_real_code_8* code) : code_(code) {}
  static absl::StatusOr<std::unique_ptr<const Regex>> CompilePcre2(std::string_view pattern, unsigned extra_options);

  pcre2_real_code_8* code_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_H_
