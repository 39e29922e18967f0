// From the bytes of a token to its id: an open-addressed table over one block of characters.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_FLAT_VOCABULARY_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_FLAT_VOCABULARY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace foregate {

// Filled once, then immutable and thread-safe.
class FlatVocabulary {
 public:
  static constexpr int32_t kNone = -1;

  // Forgets everything and makes room for `num_tokens`, which Insert() must not exceed.
  void Reserve(size_t num_tokens);
  // A token that is given twice keeps its last id.
  void Insert(std::string_view token, int32_t id);

  // kNone for an unknown token.
  int32_t Find(std::string_view token) const;
  // Distinct tokens.
  size_t size() const { return size_; }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t length = 0;
    size_t offset = 0;
    int32_t id = kNone;
  };

  // The slot of `token`, or the empty one where it belongs.
  size_t Locate(std::string_view token, uint32_t hash) const;

  std::vector<Slot> slots_;  // a power of two of them, at most half full
  std::string characters_;
  size_t size_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_FLAT_VOCABULARY_H_
