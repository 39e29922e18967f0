#include "engine/kv/prefix_cache.h"

// Short inputs: inlining saves more than the hash costs.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>

#include "kernels/base/check.h"

namespace foregate {
namespace {

PrefixKey Hash(const void* data, size_t num_bytes) {
  const XXH128_hash_t hash = XXH3_128bits(data, num_bytes);
  return PrefixKey{hash.low64, hash.high64};
}

}  // namespace

PrefixCache::PrefixCache(BlockAllocator* allocator, int32_t block_size, const uint64_t (&identity)[2])
    : allocator_(allocator),
      block_size_(static_cast<size_t>(block_size)),
      identity_{identity[0], identity[1]},
      buckets_(std::bit_ceil(static_cast<size_t>(allocator->num_blocks())), kNone),
      entries_(static_cast<size_t>(allocator->num_blocks())),
      tokens_(static_cast<size_t>(allocator->num_blocks()) * block_size_) {
  allocator_->set_eviction_listener([this](int32_t block) { Evict(block); });
}

PrefixKey PrefixCache::Root(std::string_view cache_salt) const {
  const PrefixKey salt = Hash(cache_salt.data(), cache_salt.size());
  const uint64_t words[4] = {identity_[0], identity_[1], salt.low, salt.high};
  return Hash(words, sizeof(words));
}

PrefixKey PrefixCache::Chain(const PrefixKey& parent, std::span<const int32_t> tokens) {
  const PrefixKey block = Hash(tokens.data(), tokens.size_bytes());
  const uint64_t words[4] = {parent.low, parent.high, block.low, block.high};
  return Hash(words, sizeof(words));
}

void PrefixCache::ExtendKeys(const PrefixKey& root, std::span<const int32_t> tokens,
                             std::vector<PrefixKey>* keys) const {
  while ((keys->size() + 1) * block_size_ <= tokens.size()) {
    const PrefixKey parent = keys->empty() ? root : keys->back();
    keys->push_back(Chain(parent, tokens.subspan(keys->size() * block_size_, block_size_)));
  }
}

PrefixProbe PrefixCache::Probe(const PrefixKey& root, std::span<const PrefixKey> keys,
                               std::span<const int32_t> tokens) const {
  PrefixProbe probe;
  PrefixKey parent = root;
  for (const PrefixKey& key : keys) {
    const int32_t block =
        Find(parent, key, tokens.subspan(static_cast<size_t>(probe.num_blocks) * block_size_, block_size_));
    if (block < 0) break;
    ++probe.num_blocks;
    if (allocator_->references(block) == 0) ++probe.num_cached_blocks;
    parent = key;
  }
  return probe;
}

void PrefixCache::Acquire(std::span<const PrefixKey> keys, int32_t num_blocks, BlockTable* table) {
  for (const PrefixKey& key : keys.first(static_cast<size_t>(num_blocks))) {
    const int32_t block = BlockOf(key);
    FOREGATE_CHECK(block != kNone);
    allocator_->AddReference(block);
    table->Append(block);
  }
}

void PrefixCache::Insert(const PrefixKey& parent, const PrefixKey& key, std::span<const int32_t> tokens,
                         int32_t block) {
  FOREGATE_CHECK_EQ(tokens.size(), block_size_);
  Entry& entry = entries_[static_cast<size_t>(block)];
  if (entry.present || BlockOf(key) != kNone) return;
  int32_t& first = BucketOf(key);
  entry = Entry{parent, key, true, first};
  first = block;
  ++num_entries_;
  std::copy(tokens.begin(), tokens.end(),
            tokens_.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(block) * block_size_));
  allocator_->Retain(block);
}

int32_t PrefixCache::Find(const PrefixKey& parent, const PrefixKey& key, std::span<const int32_t> tokens) const {
  const int32_t found = BlockOf(key);
  if (found == kNone) return kNone;
  const size_t block = static_cast<size_t>(found);
  if (!(entries_[block].parent == parent)) return kNone;
  const std::span<const int32_t> stored(tokens_.data() + block * block_size_, block_size_);
  return std::equal(stored.begin(), stored.end(), tokens.begin()) ? found : kNone;
}

int32_t PrefixCache::BlockOf(const PrefixKey& key) const {
  int32_t block = buckets_[key.low & (buckets_.size() - 1)];
  while (block != kNone && !(entries_[static_cast<size_t>(block)].key == key))
    block = entries_[static_cast<size_t>(block)].next;
  return block;
}

void PrefixCache::Evict(int32_t block) {
  Entry& entry = entries_[static_cast<size_t>(block)];
  FOREGATE_CHECK(entry.present);
  int32_t* link = &BucketOf(entry.key);
  while (*link != block) link = &entries_[static_cast<size_t>(*link)].next;
  *link = entry.next;
  entry.present = false;
  --num_entries_;
}

}  // namespace foregate
