// Ranked merges of byte-pair encoding: which pair of symbols joins first, and into what.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_MERGE_TABLE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_MERGE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foregate {

// An open-addressed hash table from pairs of ids to merges. Filled once, then immutable and thread-safe.
class MergeTable {
 public:
  struct Merge {
    int32_t rank;  // lower merges first
    int32_t merged_id;
  };

  // Room for `num_merges` insertions.
  void Reserve(size_t num_merges);
  // A pair given twice keeps its last rank, as in `tokenizers`.
  void Insert(int32_t left, int32_t right, Merge merge);

  // Null when the pair does not merge. Reserve() must have been called.
  const Merge* Find(int32_t left, int32_t right) const;

  // Merges `symbols` in place until no pair is left to merge: always the lowest rank, the leftmost among equals.
  // Returns how many symbols are left, at the beginning. O(n log n).
  size_t MergeAll(std::span<int32_t> symbols) const;

 private:
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge{};
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t Home(uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }
  size_t MergeShort(std::span<int32_t> symbols) const;
  size_t MergeLong(std::span<int32_t> symbols) const;

  std::vector<Slot> slots_;  // a power of two of them, at most half full
  int shift_ = 64;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_MERGE_TABLE_H_
