// What the normal forms know of a character.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_FORM_DATA_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_FORM_DATA_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/text/tokenizer/code_point_set.h"
#include "server/text/tokenizer/unicode_forms.h"

namespace foregate {

// Immutable; made once. Hangul syllables are computed, not stored.
class UnicodeFormData {
 public:
  static const UnicodeFormData& Get();

  struct Character {
    uint8_t combining_class = 0;
    // A bit for each UnicodeForm. Unstable: the character, or what precedes it, may change. Begins: nothing before it
    // takes part in what becomes of it.
    uint8_t unstable_in = 0;
    uint8_t begins_in = 0x0F;
    bool is_second = false;      // can be composed with what precedes it
    uint16_t canonical = 0;      // an index of decomposition(); 0 for none
    uint16_t compatibility = 0;  // the same for kNfkd and kNfkc
  };

  const Character& at(char32_t c) const { return pages_[page_of_[c >> kPageBits]][c & (kPageSize - 1)]; }
  // Not for Hangul syllables.
  std::u32string_view decomposition(uint16_t index) const { return decompositions_[index]; }
  // Fully decomposed. Appends.
  void Decompose(char32_t c, bool compatibility, std::u32string* out) const;
  // 0 when the two do not compose.
  char32_t Composed(char32_t first, char32_t second) const;

 private:
  static constexpr char32_t kPageBits = 7;
  static constexpr char32_t kPageSize = 1 << kPageBits;

  UnicodeFormData();
  Character* MutableAt(char32_t c);
  void ReadDecompositions();
  void ReadCombiningClasses();
  void ReadCompositions();
  void MarkHangul();
  void MarkStability();

  std::array<uint16_t, (kLastCodePoint >> kPageBits) + 1> page_of_{};
  std::vector<std::array<Character, kPageSize>> pages_{1};  // page 0: characters of which nothing is known
  std::vector<std::u32string> decompositions_{1};
  std::unordered_map<uint64_t, char32_t> compositions_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_FORM_DATA_H_
