// Random operations against a model of reference counts: no block leaks, none is handed out twice.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "engine/kv/block_allocator.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

class BlockAllocatorProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(BlockAllocatorProperty, MatchesTheModel) {
  std::mt19937_64 random(GetParam());
  const int32_t num_blocks = 1 + static_cast<int32_t>(random() % 12);
  BlockAllocator allocator(num_blocks);
  std::vector<int32_t> references(static_cast<size_t>(num_blocks));
  std::vector<bool> retained(static_cast<size_t>(num_blocks));
  std::deque<int32_t> cached;  // oldest release first
  std::vector<int32_t> evicted;
  allocator.set_eviction_listener([&](int32_t block) { evicted.push_back(block); });

  for (int i = 0; i < 2000; ++i) {
    const int32_t block = static_cast<int32_t>(random() % static_cast<uint64_t>(num_blocks));
    const size_t b = static_cast<size_t>(block);
    switch (random() % 4) {
      case 0: {
        const int32_t num_free = allocator.num_free();
        const std::optional<int32_t> allocated = allocator.Allocate();
        ASSERT_EQ(allocated.has_value(), num_free > 0 || !cached.empty());
        if (!allocated) break;
        ASSERT_EQ(references[static_cast<size_t>(*allocated)], 0);
        if (num_free == 0) {
          ASSERT_EQ(*allocated, cached.front());
          ASSERT_EQ(evicted, std::vector<int32_t>{*allocated});
          evicted.clear();
          cached.pop_front();
        }
        retained[static_cast<size_t>(*allocated)] = false;
        references[static_cast<size_t>(*allocated)] = 1;
        break;
      }
      case 1:
        if (references[b] == 0 && !retained[b]) break;
        allocator.AddReference(block);
        if (references[b]++ == 0) std::erase(cached, block);
        break;
      case 2:
        if (references[b] == 0) break;
        allocator.Release(block);
        if (--references[b] == 0 && retained[b]) cached.push_back(block);
        break;
      default:
        if (references[b] == 0) break;
        allocator.Retain(block);
        retained[b] = true;
    }
    ASSERT_TRUE(evicted.empty());  // free blocks go first
    int32_t used = 0;
    for (size_t k = 0; k < references.size(); ++k) {
      ASSERT_EQ(allocator.references(static_cast<int32_t>(k)), references[k]);
      used += references[k] > 0 ? 1 : 0;
    }
    ASSERT_EQ(allocator.num_used(), used);
    ASSERT_EQ(allocator.num_cached(), static_cast<int32_t>(cached.size()));
    ASSERT_EQ(allocator.num_free() + allocator.num_used() + allocator.num_cached(), num_blocks);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, BlockAllocatorProperty, testing::Range<uint64_t>(0, 20));

}  // namespace
}  // namespace foregate
