#include "server/text/tokenizer/flat_vocabulary.h"

#include <bit>

#include "server/text/tokenizer/text_hash.h"

namespace foregate {
namespace {

uint32_t HashOf(std::string_view token) { return static_cast<uint32_t>(HashText(token, 0)); }

}  // namespace

void FlatVocabulary::Reserve(size_t num_tokens) {
  slots_.assign(std::bit_ceil(2 * num_tokens + 2), Slot());
  characters_.clear();
  size_ = 0;
}

size_t FlatVocabulary::Locate(std::string_view token, uint32_t hash) const {
  size_t i = hash & (slots_.size() - 1);
  for (; slots_[i].id != kNone; i = (i + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[i];
    if (slot.hash == hash && std::string_view(characters_).substr(slot.offset, slot.length) == token) break;
  }
  return i;
}

void FlatVocabulary::Insert(std::string_view token, int32_t id) {
  const uint32_t hash = HashOf(token);
  Slot& slot = slots_[Locate(token, hash)];
  if (slot.id == kNone) {
    slot = {hash, static_cast<uint32_t>(token.size()), characters_.size(), id};
    characters_ += token;
    ++size_;
  }
  slot.id = id;
}

int32_t FlatVocabulary::Find(std::string_view token) const {
  return slots_.empty() ? kNone : slots_[Locate(token, HashOf(token))].id;
}

}  // namespace foregate
