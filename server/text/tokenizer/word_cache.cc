#include "server/text/tokenizer/word_cache.h"

#include <atomic>
#include <cstring>

#include "server/text/tokenizer/text_hash.h"

namespace foregate {
namespace {

constexpr size_t kNumSlots = 1 << 15;
constexpr size_t kMaxWords = kNumSlots / 4 * 3;
constexpr size_t kArenaWords = 576 << 10;  // of 4 bytes

}  // namespace

WordCache& WordCache::OfThisThread() {
  thread_local WordCache cache;
  return cache;
}

uint64_t WordCache::NewOwner() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

WordCache::WordCache() : slots_(kNumSlots), arena_(kArenaWords) {}

bool WordCache::Find(uint64_t owner, std::string_view word, std::vector<int32_t>* ids) const {
  if (word.size() > kMaxWordBytes) return false;
  const uint64_t hash = HashText(word, owner);
  for (size_t i = hash & (kNumSlots - 1); slots_[i].owner != 0; i = (i + 1) & (kNumSlots - 1)) {
    const Slot& slot = slots_[i];
    if (slot.hash != hash || slot.owner != owner || slot.num_bytes != word.size()) continue;
    const int32_t* first = arena_.data() + slot.offset;
    if (std::memcmp(first + slot.num_ids, word.data(), word.size()) != 0) continue;
    ids->insert(ids->end(), first, first + slot.num_ids);
    return true;
  }
  return false;
}

void WordCache::Insert(uint64_t owner, std::string_view word, std::span<const int32_t> ids) {
  // A character may become several ids (bytes, or an unknown token for each), but not this many.
  if (word.size() > kMaxWordBytes || ids.size() > 4 * kMaxWordBytes) return;
  const size_t size = ids.size() + (word.size() + sizeof(int32_t) - 1) / sizeof(int32_t);
  if (num_words_ == kMaxWords || used_ + size > kArenaWords) Forget();
  const uint64_t hash = HashText(word, owner);
  size_t i = hash & (kNumSlots - 1);
  while (slots_[i].owner != 0) i = (i + 1) & (kNumSlots - 1);
  slots_[i] = {hash, owner, static_cast<uint32_t>(used_), static_cast<uint16_t>(ids.size()),
               static_cast<uint16_t>(word.size())};
  if (!ids.empty()) std::memcpy(arena_.data() + used_, ids.data(), ids.size_bytes());
  if (!word.empty()) std::memcpy(arena_.data() + used_ + ids.size(), word.data(), word.size());
  used_ += size;
  ++num_words_;
}

void WordCache::Forget() {
  slots_.assign(kNumSlots, Slot());
  used_ = 0;
  num_words_ = 0;
}

}  // namespace foregate
