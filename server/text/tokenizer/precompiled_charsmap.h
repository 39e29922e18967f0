// The normalization rules that SentencePiece compiles into a model: a double array of what is replaced, and the
// replacements (the "Precompiled" normalizer of tokenizer.json).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_PRECOMPILED_CHARSMAP_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_PRECOMPILED_CHARSMAP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate {

// Immutable and thread-safe.
class PrecompiledCharsmap {
 public:
  // Four bytes, little endian: the size of the double array in bytes; the array, 32 bits a unit; the replacements,
  // each ended by a zero byte. INVALID_ARGUMENT for a size beyond the bytes or an empty array, and for replacements
  // that are not UTF-8.
  static absl::StatusOr<PrecompiledCharsmap> Parse(std::string_view bytes);

  // `text` is well-formed UTF-8 before and after. As `tokenizers`: a grapheme cluster shorter than six bytes becomes
  // the replacement of the shortest rule that it begins with, whatever follows in it; other clusters go character by
  // character. Linear.
  void Apply(std::string* text) const;

  // As SentencePiece itself: at each place the longest rule. Linear in text and longest rule.
  void ApplyLongest(std::string* text) const;

 private:
  struct Match {
    size_t length = 0;  // of what is replaced; 0 for no match
    std::string_view replacement;
  };

  PrecompiledCharsmap() = default;
  // The shortest, or the longest, rule that `text` begins with.
  Match Find(std::string_view text, bool longest) const;
  void AppendCluster(std::string_view cluster, std::string* out) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
  std::array<bool, 128> keeps_ascii_ = {};  // whether the character alone has no rule
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_PRECOMPILED_CHARSMAP_H_
