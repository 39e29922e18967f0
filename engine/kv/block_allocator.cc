#include "engine/kv/block_allocator.h"

#include "kernels/base/check.h"

namespace foregate {

BlockAllocator::BlockAllocator(int32_t num_blocks)
    : references_(static_cast<size_t>(num_blocks), 0),
      retained_(static_cast<size_t>(num_blocks), 0),
      older_(static_cast<size_t>(num_blocks), kNone),
      newer_(static_cast<size_t>(num_blocks), kNone) {
  free_.reserve(static_cast<size_t>(num_blocks));
  for (int32_t block = num_blocks - 1; block >= 0; --block) free_.push_back(block);
}

std::optional<int32_t> BlockAllocator::Allocate() {
  int32_t block = kNone;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else if (oldest_ != kNone) {
    block = oldest_;
    Unlink(block);
    retained_[static_cast<size_t>(block)] = 0;
    if (on_evict_) on_evict_(block);
  } else {
    return std::nullopt;
  }
  references_[static_cast<size_t>(block)] = 1;
  return block;
}

void BlockAllocator::AddReference(int32_t block) {
  const size_t i = static_cast<size_t>(block);
  if (references_[i] == 0) {
    FOREGATE_CHECK(retained_[i]);  // a free block has no contents to share
    Unlink(block);
  }
  ++references_[i];
}

void BlockAllocator::Release(int32_t block) {
  const size_t i = static_cast<size_t>(block);
  FOREGATE_CHECK_GT(references_[i], 0);
  if (--references_[i] > 0) return;
  if (!retained_[i]) {
    free_.push_back(block);
    return;
  }
  older_[i] = newest_;
  newer_[i] = kNone;
  if (newest_ != kNone) newer_[static_cast<size_t>(newest_)] = block;
  newest_ = block;
  if (oldest_ == kNone) oldest_ = block;
  ++num_cached_;
}

void BlockAllocator::Retain(int32_t block) {
  FOREGATE_CHECK_GT(references(block), 0);
  retained_[static_cast<size_t>(block)] = 1;
}

void BlockAllocator::Unlink(int32_t block) {
  const size_t i = static_cast<size_t>(block);
  if (older_[i] != kNone) {
    newer_[static_cast<size_t>(older_[i])] = newer_[i];
  } else {
    oldest_ = newer_[i];
  }
  if (newer_[i] != kNone) {
    older_[static_cast<size_t>(newer_[i])] = older_[i];
  } else {
    newest_ = older_[i];
  }
  older_[i] = newer_[i] = kNone;
  --num_cached_;
}

}  // namespace foregate
