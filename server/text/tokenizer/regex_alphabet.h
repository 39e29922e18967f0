// The letters that a regular expression can tell apart. ASCII characters are letters of their own; of all others, those
// that lie in the same sets of the expression are one letter, a byte from 0x80 on. A text rewritten in letters is one
// byte per character, and the expression over bytes matches where the original does, whatever Unicode tables the
// matching library has; most expressions need fewer than ten letters beyond ASCII. One that needs more than 128 loses
// the shortcut for ASCII: then all characters share 256 letters.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ALPHABET_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ALPHABET_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/tokenizer/code_point_set.h"

namespace foregate {

// Immutable and thread-safe.
class RegexAlphabet {
 public:
  using Letters = std::bitset<256>;

  // Tells apart what any of `sets` does. INVALID_ARGUMENT when that needs more than 256 letters.
  static absl::StatusOr<RegexAlphabet> Make(const std::vector<const CodePointSet*>& sets);

  // The letters of `set`, which must be one of those that the alphabet was made for, or a union of such.
  Letters LettersOf(const CodePointSet& set) const;

  // ASCII text is its own translation.
  bool keeps_ascii() const { return first_letter_ == kFirstBeyondAscii; }

  // All letters that occur.
  const Letters& all() const { return all_; }

  // Rewrites well-formed text, one byte per character.
  void Translate(std::string_view text, std::string* letters) const;

 private:
  static constexpr char32_t kPageBits = 7;
  static constexpr char32_t kFirstBeyondAscii = 0x80;
  using Page = std::array<uint8_t, 1 << kPageBits>;

  // Letters for the characters from `first_letter` on, which is also the number of the first letter.
  static absl::StatusOr<RegexAlphabet> Make(const std::vector<const CodePointSet*>& sets, char32_t first_letter);

  Letters all_;
  char32_t first_letter_ = kFirstBeyondAscii;
  std::vector<char32_t> example_;  // of letter first_letter_ + i
  std::array<uint16_t, (kLastCodePoint >> kPageBits) + 1> page_of_{};
  std::vector<Page> pages_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ALPHABET_H_
