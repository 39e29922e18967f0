// How vocabularies with byte fallback spell the token of a byte.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_TOKENS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_TOKENS_H_

#include <cstdint>
#include <string>

namespace foregate {

// "<0x0A>"
inline std::string ByteTokenText(uint8_t byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_TOKENS_H_
