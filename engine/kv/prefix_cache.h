// PrefixCache: finds full KV blocks that were computed before for the same tokens after the same prefix.
//
// A block's key is a 128-bit hash chained from the root of its prefix, which hashes the model's identity and the
// request's cache salt (house contract 9.5). A hit also compares the block's token ids and its predecessor's key, so a
// colliding block hash cannot serve another prompt's keys and values. Blocks leave when the allocator needs them
// (least recently released first). Storage is fixed at construction: nothing here allocates afterwards but ExtendKeys,
// into its caller's vector. Thread-compatible.
#ifndef FOREGATE_ENGINE_KV_PREFIX_CACHE_H_
#define FOREGATE_ENGINE_KV_PREFIX_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/kv/block_allocator.h"
#include "engine/kv/block_table.h"

namespace foregate {

struct PrefixKey {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const PrefixKey&) const = default;
};

struct PrefixProbe {
  int32_t num_blocks = 0;         // length of the hit
  int32_t num_cached_blocks = 0;  // of these, blocks that no sequence holds: taking them makes them unavailable
};

class PrefixCache {
 public:
  // Registers itself as the allocator's eviction listener; `allocator` outlives it.
  PrefixCache(BlockAllocator* allocator, int32_t block_size, const uint64_t (&identity)[2]);
  ~PrefixCache() { allocator_->set_eviction_listener(nullptr); }
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  PrefixKey Root(std::string_view cache_salt) const;
  // `tokens` is one full block.
  static PrefixKey Chain(const PrefixKey& parent, std::span<const int32_t> tokens);
  // Extends `keys` (key of each full block, in order) to the full blocks of `tokens`.
  void ExtendKeys(const PrefixKey& root, std::span<const int32_t> tokens, std::vector<PrefixKey>* keys) const;

  // The longest cached run of the first keys.size() blocks of `tokens`.
  PrefixProbe Probe(const PrefixKey& root, std::span<const PrefixKey> keys, std::span<const int32_t> tokens) const;
  // Appends the first `num_blocks` of such a run to `table`, with references.
  void Acquire(std::span<const PrefixKey> keys, int32_t num_blocks, BlockTable* table);
  // Makes a used block, completely written, findable. Keeps the older block when the key is known already.
  void Insert(const PrefixKey& parent, const PrefixKey& key, std::span<const int32_t> tokens, int32_t block);

  size_t num_entries() const { return num_entries_; }

 private:
  static constexpr int32_t kNone = -1;
  struct Entry {
    PrefixKey parent;
    PrefixKey key;
    bool present = false;
    int32_t next = kNone;  // block whose key falls into the same bucket
  };
  // Keys are hashes already: their low bits choose the bucket.
  int32_t& BucketOf(const PrefixKey& key) { return buckets_[key.low & (buckets_.size() - 1)]; }
  // The block of `key`, or kNone.
  int32_t BlockOf(const PrefixKey& key) const;
  // As BlockOf, and the contents agree.
  int32_t Find(const PrefixKey& parent, const PrefixKey& key, std::span<const int32_t> tokens) const;
  void Evict(int32_t block);

  BlockAllocator* const allocator_;
  const size_t block_size_;
  const uint64_t identity_[2];
  std::vector<int32_t> buckets_;  // first block of each bucket; their number is a power of two
  std::vector<Entry> entries_;    // [num_blocks]
  std::vector<int32_t> tokens_;   // [num_blocks, block_size]
  size_t num_entries_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_KV_PREFIX_CACHE_H_
