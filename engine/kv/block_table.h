// BlockTable: the KV blocks of one sequence, in order of position. Owns one reference per entry and returns it when
// destroyed. Move-only; Share() makes a second table over the same blocks. The allocator outlives it.
#ifndef FOREGATE_ENGINE_KV_BLOCK_TABLE_H_
#define FOREGATE_ENGINE_KV_BLOCK_TABLE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/kv/block_allocator.h"

namespace foregate {

class BlockTable {
 public:
  BlockTable() = default;
  explicit BlockTable(BlockAllocator* allocator) : allocator_(allocator) {}
  ~BlockTable() { Clear(); }
  BlockTable(BlockTable&& other) noexcept
      : allocator_(other.allocator_), blocks_(std::exchange(other.blocks_, std::vector<int32_t>())) {}
  BlockTable& operator=(BlockTable&& other) noexcept {
    if (this != &other) {
      Clear();
      allocator_ = other.allocator_;
      blocks_ = std::exchange(other.blocks_, std::vector<int32_t>());
    }
    return *this;
  }

  BlockTable Share() const {
    BlockTable shared(allocator_);
    shared.blocks_ = blocks_;
    for (const int32_t block : blocks_) allocator_->AddReference(block);
    return shared;
  }
  // Memory for `num_blocks` entries.
  void Reserve(size_t num_blocks) { blocks_.reserve(num_blocks); }
  // Takes over the caller's reference to `block`.
  void Append(int32_t block) { blocks_.push_back(block); }
  // The last entry becomes `block` (whose reference is taken over); the reference to the old one is returned.
  void ReplaceLast(int32_t block) {
    allocator_->Release(blocks_.back());
    blocks_.back() = block;
  }
  // From the end, so that of a cached prefix the end is evicted before the beginning that leads to it.
  void Clear() {
    while (!blocks_.empty()) {
      allocator_->Release(blocks_.back());
      blocks_.pop_back();
    }
  }

  const std::vector<int32_t>& blocks() const { return blocks_; }
  int32_t num_blocks() const { return static_cast<int32_t>(blocks_.size()); }
  // Blocks that would become available if this table were cleared.
  int32_t num_exclusive() const {
    int32_t count = 0;
    for (const int32_t block : blocks_) count += allocator_->references(block) == 1 ? 1 : 0;
    return count;
  }
  bool last_is_shared() const { return !blocks_.empty() && allocator_->references(blocks_.back()) > 1; }

 private:
  BlockAllocator* allocator_ = nullptr;
  std::vector<int32_t> blocks_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_KV_BLOCK_TABLE_H_
