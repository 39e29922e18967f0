// What words were encoded into, remembered: text repeats its words, and most need no merging twice.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_WORD_CACHE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_WORD_CACHE_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace foregate {

// Holds at most 24,576 words in 3 MB, of all models that a thread encodes with; when either is full it forgets
// everything. It never changes a result. Not thread-safe: each thread has its own, so that threads never wait.
class WordCache {
 public:
  static WordCache& OfThisThread();
  // Identifies a model; never given twice in a process, so that what a model left behind is never found.
  static uint64_t NewOwner();

  WordCache();
  WordCache(const WordCache&) = delete;
  WordCache& operator=(const WordCache&) = delete;

  // Longer words are not worth keeping, and are never found.
  static constexpr size_t kMaxWordBytes = 256;

  // Appends the ids of `word` to `ids`; false when it is not known.
  bool Find(uint64_t owner, std::string_view word, std::vector<int32_t>* ids) const;
  void Insert(uint64_t owner, std::string_view word, std::span<const int32_t> ids);

 private:
  struct Slot {
    uint64_t hash = 0;
    uint64_t owner = 0;   // 0: empty
    uint32_t offset = 0;  // of the ids in arena_, which the word's bytes follow
    uint16_t num_ids = 0;
    uint16_t num_bytes = 0;
  };

  void Forget();

  std::vector<Slot> slots_;
  std::vector<int32_t> arena_;
  size_t used_ = 0;  // of arena_
  size_t num_words_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_WORD_CACHE_H_
