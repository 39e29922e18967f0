#include "engine/kv/prefix_cache.h"

#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr uint64_t kIdentity[2] = {1, 2};
constexpr int32_t kBlockSize = 2;

class PrefixCacheTest : public testing::Test {
 protected:
  // Computes `tokens` into new blocks and registers the full ones.
  BlockTable Compute(const PrefixKey& root, const std::vector<int32_t>& tokens) {
    BlockTable table(&allocator_);
    std::vector<PrefixKey> keys;
    cache_.ExtendKeys(root, tokens, &keys);
    for (size_t b = 0; b < keys.size(); ++b) {
      table.Append(*allocator_.Allocate());
      cache_.Insert(b == 0 ? root : keys[b - 1], keys[b], std::span(tokens).subspan(b * kBlockSize, kBlockSize),
                    table.blocks().back());
    }
    return table;
  }
  PrefixProbe Probe(const PrefixKey& root, const std::vector<int32_t>& tokens) {
    std::vector<PrefixKey> keys;
    cache_.ExtendKeys(root, tokens, &keys);
    return cache_.Probe(root, keys, tokens);
  }

  BlockAllocator allocator_{4};
  PrefixCache cache_{&allocator_, kBlockSize, kIdentity};
  const PrefixKey root_ = cache_.Root("");
};

TEST_F(PrefixCacheTest, FindsTheLongestCommonRunOfFullBlocks) {
  const BlockTable table = Compute(root_, {1, 2, 3, 4, 5});
  EXPECT_EQ(table.num_blocks(), 2);
  EXPECT_EQ(Probe(root_, {1, 2, 3, 4, 5, 6}).num_blocks, 2);
  EXPECT_EQ(Probe(root_, {1, 2, 3, 9}).num_blocks, 1);
  EXPECT_EQ(Probe(root_, {1, 9, 3, 4}).num_blocks, 0);
  EXPECT_EQ(Probe(root_, {3, 4}).num_blocks, 0);  // a block counts only behind its prefix
  EXPECT_EQ(Probe(root_, {1}).num_blocks, 0);
}

TEST_F(PrefixCacheTest, SaltAndIdentitySeparate) {
  const BlockTable table = Compute(root_, {1, 2});
  EXPECT_EQ(Probe(cache_.Root("tenant"), {1, 2}).num_blocks, 0);
  BlockAllocator allocator(1);
  const PrefixCache other(&allocator, kBlockSize, {1, 3});
  EXPECT_FALSE(other.Root("") == root_);
}

TEST_F(PrefixCacheTest, ReleasedBlocksStayUntilNeededAndTheEndGoesFirst) {
  { const BlockTable table = Compute(root_, {1, 2, 3, 4}); }
  EXPECT_EQ(allocator_.num_cached(), 2);
  const PrefixProbe probe = Probe(root_, {1, 2, 3, 4});
  EXPECT_EQ(probe.num_blocks, 2);
  EXPECT_EQ(probe.num_cached_blocks, 2);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(allocator_.Allocate().has_value());
  EXPECT_EQ(Probe(root_, {1, 2, 3, 4}).num_blocks, 1);
  ASSERT_TRUE(allocator_.Allocate().has_value());
  EXPECT_EQ(Probe(root_, {1, 2, 3, 4}).num_blocks, 0);
  EXPECT_EQ(cache_.num_entries(), 0u);
}

TEST_F(PrefixCacheTest, AcquireTakesReferences) {
  const BlockTable table = Compute(root_, {1, 2, 3, 4});
  std::vector<PrefixKey> keys;
  cache_.ExtendKeys(root_, std::vector<int32_t>{1, 2, 3, 4}, &keys);
  BlockTable hit(&allocator_);
  cache_.Acquire(keys, 1, &hit);
  ASSERT_EQ(hit.num_blocks(), 1);
  EXPECT_EQ(hit.blocks()[0], table.blocks()[0]);
  EXPECT_EQ(allocator_.references(hit.blocks()[0]), 2);
}

TEST_F(PrefixCacheTest, CollidingHashDoesNotServeOtherTokens) {
  // Two blocks forced under one key: tokens and predecessor decide.
  const PrefixKey key = PrefixCache::Chain(root_, std::vector<int32_t>{1, 2});
  const int32_t block = *allocator_.Allocate();
  cache_.Insert(root_, key, std::vector<int32_t>{1, 2}, block);
  const std::vector<PrefixKey> keys = {key};
  EXPECT_EQ(cache_.Probe(root_, keys, std::vector<int32_t>{1, 2}).num_blocks, 1);
  EXPECT_EQ(cache_.Probe(root_, keys, std::vector<int32_t>{1, 3}).num_blocks, 0);
  EXPECT_EQ(cache_.Probe(cache_.Root("other"), keys, std::vector<int32_t>{1, 2}).num_blocks, 0);
}

TEST_F(PrefixCacheTest, TheFirstBlockOfAKeyStays) {
  const BlockTable first = Compute(root_, {1, 2});
  { const BlockTable second = Compute(root_, {1, 2}); }
  EXPECT_EQ(cache_.num_entries(), 1u);
  EXPECT_EQ(allocator_.num_cached(), 0);  // the second block was not retained
  EXPECT_EQ(allocator_.num_free(), 3);
}

}  // namespace
}  // namespace foregate
