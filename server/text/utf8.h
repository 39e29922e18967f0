// UTF-8: validation, code points, and lossy decoding of a byte stream.
#ifndef FOREGATE_SERVER_TEXT_UTF8_H_
#define FOREGATE_SERVER_TEXT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foregate {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// The offset of the first byte that is not part of a well-formed character.
std::optional<size_t> FirstInvalidUtf8(std::string_view text);

bool IsAscii(std::string_view text);

// The bytes of the character whose first byte is `lead`, in well-formed text.
inline size_t Utf8Length(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// The code point at text[position], which must begin a character of well-formed text; moves position past it.
char32_t NextCodePoint(std::string_view text, size_t* position);

// The code point that ends at text[end - 1] in well-formed text, end > 0; moves end to its first byte.
char32_t PreviousCodePoint(std::string_view text, size_t* end);

void AppendUtf8(char32_t code_point, std::string* out);

// Decodes bytes that arrive in pieces. Each maximal prefix of a character that cannot be completed becomes one U+FFFD
// (Unicode's recommended practice, which Rust's from_utf8_lossy and Python's errors="replace" follow).
class Utf8LossyStream {
 public:
  // Appends what is certain: whole characters and replacements of bytes that no later byte can repair.
  void Push(std::string_view bytes, std::string* out);
  // Appends U+FFFD for an unfinished character.
  void Finish(std::string* out);

 private:
  std::string pending_;  // a proper prefix of a well-formed character, at most 3 bytes
};

std::string Utf8Lossy(std::string_view bytes);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_UTF8_H_
