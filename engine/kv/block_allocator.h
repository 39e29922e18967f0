// BlockAllocator: a fixed pool of KV blocks with reference counts.
//
// A block is free (on the free list), used (at least one reference) or cached (no reference, but retained because the
// prefix cache knows its contents). free + used + cached == total at all times. Allocate() prefers free blocks and then
// takes the cached block that was released longest ago, after telling the eviction listener. Storage is fixed at
// construction: nothing here allocates afterwards. Thread-compatible.
#ifndef FOREGATE_ENGINE_KV_BLOCK_ALLOCATOR_H_
#define FOREGATE_ENGINE_KV_BLOCK_ALLOCATOR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace foregate {

class BlockAllocator {
 public:
  explicit BlockAllocator(int32_t num_blocks);
  BlockAllocator(const BlockAllocator&) = delete;
  BlockAllocator& operator=(const BlockAllocator&) = delete;

  // Called with the block before its contents are given away; must not call back.
  void set_eviction_listener(std::function<void(int32_t)> listener) { on_evict_ = std::move(listener); }

  // A block with one reference, or nothing when every block is used.
  std::optional<int32_t> Allocate();
  // One more reference to a used or cached block.
  void AddReference(int32_t block);
  // Drops one reference. The last one makes the block cached when it is retained, else free.
  void Release(int32_t block);
  // The block's contents are worth keeping after the last reference is gone. The block must be used.
  void Retain(int32_t block);

  int32_t num_blocks() const { return static_cast<int32_t>(references_.size()); }
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }
  int32_t num_cached() const { return num_cached_; }
  int32_t num_used() const { return num_blocks() - num_free() - num_cached_; }
  // Blocks that Allocate() can hand out.
  int32_t num_available() const { return num_free() + num_cached_; }
  int32_t references(int32_t block) const { return references_[static_cast<size_t>(block)]; }

 private:
  static constexpr int32_t kNone = -1;
  void Unlink(int32_t block);

  std::vector<int32_t> references_;
  std::vector<uint8_t> retained_;
  std::vector<int32_t> free_;  // a stack
  // Cached blocks as a doubly linked list, oldest release first.
  std::vector<int32_t> older_;
  std::vector<int32_t> newer_;
  int32_t oldest_ = kNone;
  int32_t newest_ = kNone;
  int32_t num_cached_ = 0;
  std::function<void(int32_t)> on_evict_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_KV_BLOCK_ALLOCATOR_H_
