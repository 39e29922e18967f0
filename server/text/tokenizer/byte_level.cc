#include "server/text/tokenizer/byte_level.h"

#include <array>

#include "server/text/utf8.h"

namespace foregate {
namespace {

// The largest code point of the alphabet is 256 + 67, for the 68 bytes that have no printable Latin-1 character.
constexpr size_t kAlphabetEnd = 256 + 68;

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int16_t, kAlphabetEnd> byte{};
};

constexpr bool IsPrintableLatin1(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.byte) byte = -1;
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    alphabet.character[byte] = IsPrintableLatin1(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.byte[alphabet.character[byte]] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

void AppendByteLevel(std::string_view bytes, std::string* out) {
  for (const char byte : bytes) AppendUtf8(kAlphabet.character[static_cast<uint8_t>(byte)], out);
}

std::optional<std::string> BytesSpelledBy(std::string_view token) {
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    const char32_t code_point = NextCodePoint(token, &i);
    if (code_point >= kAlphabetEnd || kAlphabet.byte[code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte[code_point]));
  }
  return bytes;
}

std::string BytesOfByteLevelToken(std::string_view token) { return BytesSpelledBy(token).value_or(std::string(token)); }

}  // namespace foregate
