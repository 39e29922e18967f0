// A hash of short byte strings, for tables that are looked up once a word.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_TEXT_HASH_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_TEXT_HASH_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace foregate {

namespace internal {

inline uint64_t MixWords(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

template <typename Word>
uint64_t LoadWord(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

}  // namespace internal

// Multiply and fold, 8 bytes a step; about 3 ns for a word. Not for keys that someone chooses to collide: whoever
// chooses texts can make a bounded cache miss, and vocabularies come with the checkpoint.
inline uint64_t HashText(std::string_view text, uint64_t seed) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
  const char* data = text.data();
  size_t left = text.size();
  uint64_t hash = seed ^ (left * kMultiplier);
  for (; left > 8; left -= 8, data += 8) {
    hash = internal::MixWords(hash ^ internal::LoadWord<uint64_t>(data), kMultiplier);
  }
  uint64_t tail = 0;
  if (left >= 4) {
    tail = internal::LoadWord<uint32_t>(data) << 32 | internal::LoadWord<uint32_t>(data + left - 4);
  } else if (left > 0) {
    const auto byte = [&](size_t i) { return uint64_t{static_cast<uint8_t>(data[i])}; };
    tail = byte(0) << 16 | byte(left / 2) << 8 | byte(left - 1);
  }
  return internal::MixWords(hash ^ tail, 0xD6E8FEB86659FD93u);
}

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_TEXT_HASH_H_
