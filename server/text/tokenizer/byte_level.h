// The byte-level alphabet of GPT-2: every byte is spelled as one printable character, so that a vocabulary of strings
// can hold arbitrary bytes (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_LEVEL_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_LEVEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foregate {

// Appends the spelling of each byte; at most 2 bytes of UTF-8 for each.
void AppendByteLevel(std::string_view bytes, std::string* out);

// The bytes that `token` spells; none when a character of it is outside the alphabet.
std::optional<std::string> BytesSpelledBy(std::string_view token);

// The bytes that `token` spells, or its own UTF-8 when any of its characters is outside the alphabet (as in added
// tokens, which are not spelled).
std::string BytesOfByteLevelToken(std::string_view token);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_LEVEL_H_
