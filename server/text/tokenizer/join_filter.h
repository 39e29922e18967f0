// Which symbols of a word can ever be joined by a merge across the place between them.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_JOIN_FILTER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_JOIN_FILTER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foregate {

// A set of pairs that may claim a pair it was not given (about 1 in 16), never the opposite: so a word may be cut where
// MayJoin() is false, and each part merged alone. Filled once, then immutable and thread-safe.
class JoinFilter {
 public:
  // Room for `num_pairs`; forgets everything.
  void Reserve(size_t num_pairs) {
    const size_t words = std::bit_ceil(num_pairs / 4 + 1);
    bits_.assign(words, 0);
    shift_ = 64 - 6 - std::countr_zero(words);
  }
  void Insert(int32_t left, int32_t right) {
    const uint64_t bit = Bit(left, right);
    bits_[bit >> 6] |= uint64_t{1} << (bit & 63);
  }
  bool MayJoin(int32_t left, int32_t right) const {
    const uint64_t bit = Bit(left, right);
    return (bits_[bit >> 6] >> (bit & 63) & 1) != 0;
  }

 private:
  uint64_t Bit(int32_t left, int32_t right) const {
    const uint64_t key = uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
    return (key * 0x9E3779B97F4A7C15u) >> shift_;
  }

  std::vector<uint64_t> bits_ = std::vector<uint64_t>(1);
  int shift_ = 58;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_JOIN_FILTER_H_
