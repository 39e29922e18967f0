// Numbers in the bytes of a routing trace: little-endian words and varints (7 bits a byte, low first).
#ifndef FOREGATE_ENGINE_MOE_TRACE_TRACE_BYTES_H_
#define FOREGATE_ENGINE_MOE_TRACE_TRACE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foregate {

template <typename Word>
void AppendWord(Word word, std::string* bytes) {
  for (size_t i = 0; i < sizeof(Word); ++i) bytes->push_back(static_cast<char>(static_cast<uint64_t>(word) >> (8 * i)));
}

// The same where there is room, without asking at each byte; returns the place behind it.
template <typename Word>
char* PutWord(Word word, char* place) {
  for (size_t i = 0; i < sizeof(Word); ++i) *place++ = static_cast<char>(static_cast<uint64_t>(word) >> (8 * i));
  return place;
}

inline char* PutVarint(uint64_t number, char* place) {
  for (; number >= 0x80; number >>= 7) *place++ = static_cast<char>(number | 0x80);
  *place++ = static_cast<char>(number);
  return place;
}

// Takes numbers from the front of untrusted bytes. After the first that is not there, or a varint beyond 64 bits,
// `is_good` is false for good and every number is 0.
class TraceBytes {
 public:
  explicit TraceBytes(std::string_view bytes) : bytes_(bytes) {}

  template <typename Word>
  Word TakeWord() {
    uint64_t word = 0;
    const std::string_view taken = Take(sizeof(Word));
    for (size_t i = 0; i < taken.size(); ++i) word |= static_cast<uint64_t>(static_cast<uint8_t>(taken[i])) << (8 * i);
    return static_cast<Word>(word);
  }
  uint64_t TakeVarint() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = TakeWord<uint8_t>();
      if (shift == 63 && byte > 1) break;
      number |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return is_good_ ? number : 0;
    }
    is_good_ = false;
    return 0;
  }
  // Empty when there are not so many.
  std::string_view Take(size_t count) {
    is_good_ = is_good_ && count <= bytes_.size() - offset_;
    if (!is_good_) return {};
    offset_ += count;
    return bytes_.substr(offset_ - count, count);
  }

  bool is_good() const { return is_good_; }
  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }

 private:
  std::string_view bytes_;
  size_t offset_ = 0;
  bool is_good_ = true;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_TRACE_BYTES_H_
