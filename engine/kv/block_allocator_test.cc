#include "engine/kv/block_allocator.h"

#include <optional>
#include <utility>
#include <vector>

#include "engine/kv/block_table.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(BlockAllocatorTest, HandsOutEveryBlockOnce) {
  BlockAllocator allocator(3);
  std::vector<bool> seen(3);
  for (int i = 0; i < 3; ++i) {
    const std::optional<int32_t> block = allocator.Allocate();
    ASSERT_TRUE(block.has_value());
    EXPECT_FALSE(seen[static_cast<size_t>(*block)]);
    seen[static_cast<size_t>(*block)] = true;
  }
  EXPECT_FALSE(allocator.Allocate().has_value());
  EXPECT_EQ(allocator.num_used(), 3);
  allocator.Release(1);
  EXPECT_EQ(allocator.Allocate(), 1);
}

TEST(BlockAllocatorTest, LastReferenceFrees) {
  BlockAllocator allocator(1);
  const int32_t block = *allocator.Allocate();
  allocator.AddReference(block);
  allocator.Release(block);
  EXPECT_EQ(allocator.num_free(), 0);
  allocator.Release(block);
  EXPECT_EQ(allocator.num_free(), 1);
}

TEST(BlockAllocatorTest, RetainedBlocksAreEvictedOldestReleaseFirst) {
  BlockAllocator allocator(3);
  std::vector<int32_t> evicted;
  allocator.set_eviction_listener([&](int32_t block) { evicted.push_back(block); });
  for (int i = 0; i < 3; ++i) allocator.Retain(*allocator.Allocate());
  for (const int32_t block : {2, 0, 1}) allocator.Release(block);
  EXPECT_EQ(allocator.num_cached(), 3);
  EXPECT_EQ(allocator.num_available(), 3);
  allocator.AddReference(0);  // used again: it goes to the end when released
  allocator.Release(0);
  EXPECT_EQ(allocator.Allocate(), 2);
  EXPECT_EQ(allocator.Allocate(), 1);
  EXPECT_EQ(allocator.Allocate(), 0);
  EXPECT_EQ(evicted, (std::vector<int32_t>{2, 1, 0}));
  // Eviction ended the retention.
  allocator.Release(0);
  EXPECT_EQ(allocator.num_free(), 1);
  EXPECT_EQ(allocator.num_cached(), 0);
}

TEST(BlockTableTest, OwnsAndSharesReferences) {
  BlockAllocator allocator(4);
  {
    BlockTable table(&allocator);
    table.Append(*allocator.Allocate());
    table.Append(*allocator.Allocate());
    EXPECT_EQ(table.num_exclusive(), 2);
    {
      const BlockTable shared = table.Share();
      EXPECT_TRUE(table.last_is_shared());
      EXPECT_EQ(table.num_exclusive(), 0);
      table.ReplaceLast(*allocator.Allocate());
      EXPECT_FALSE(table.last_is_shared());
      EXPECT_EQ(allocator.num_used(), 3);
    }
    EXPECT_EQ(allocator.num_used(), 2);
    BlockTable moved = std::move(table);
    EXPECT_EQ(moved.num_blocks(), 2);
    EXPECT_EQ(allocator.num_used(), 2);
    moved = BlockTable(&allocator);
    EXPECT_EQ(allocator.num_used(), 0);
    moved.Append(*allocator.Allocate());
  }
  EXPECT_EQ(allocator.num_free(), 4);
}

}  // namespace
}  // namespace foregate
