// Random prompts over a tiny alphabet share many prefixes. A model remembers what every block was computed for: a hit
// must consist of blocks that hold exactly the tokens of the prompt's prefix under the same salt.
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/kv/prefix_cache.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr int32_t kNumBlocks = 24;
constexpr size_t kBlockSize = 2;

struct Holder {
  BlockTable table;
};

class PrefixCacheProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(PrefixCacheProperty, HitsHoldThePromptsPrefix) {
  std::mt19937_64 random(GetParam());
  BlockAllocator allocator(kNumBlocks);
  PrefixCache cache(&allocator, static_cast<int32_t>(kBlockSize), {3, 4});
  // What each block holds: the salt and every token from the start to the block's end.
  std::vector<std::pair<std::string, std::vector<int32_t>>> contents(kNumBlocks);
  std::vector<Holder> holders;
  uint64_t hits = 0;
  for (int i = 0; i < 1500; ++i) {
    if (!holders.empty() && random() % 2 == 0) {
      std::swap(holders[random() % holders.size()], holders.back());
      holders.pop_back();
    }
    const std::string salt(random() % 2, 's');
    std::vector<int32_t> prompt(1 + random() % 10);
    for (int32_t& token : prompt) token = static_cast<int32_t>(random() % 2);
    const PrefixKey root = cache.Root(salt);
    std::vector<PrefixKey> keys;
    cache.ExtendKeys(root, prompt, &keys);
    const PrefixProbe probe = cache.Probe(root, keys, prompt);
    ASSERT_LE(probe.num_cached_blocks, allocator.num_cached());
    BlockTable table(&allocator);
    const int32_t cached_before = allocator.num_cached();
    cache.Acquire(keys, probe.num_blocks, &table);
    ASSERT_EQ(allocator.num_cached(), cached_before - probe.num_cached_blocks);
    hits += static_cast<uint64_t>(probe.num_blocks);
    for (size_t b = 0; b < table.blocks().size(); ++b) {
      const std::vector<int32_t> prefix(prompt.begin(),
                                        prompt.begin() + static_cast<std::ptrdiff_t>((b + 1) * kBlockSize));
      ASSERT_EQ(contents[static_cast<size_t>(table.blocks()[b])], std::make_pair(salt, prefix));
    }
    // Compute the rest while blocks last.
    for (size_t b = table.blocks().size(); b < keys.size(); ++b) {
      const auto block = allocator.Allocate();
      if (!block) break;
      const auto end = prompt.begin() + static_cast<std::ptrdiff_t>((b + 1) * kBlockSize);
      contents[static_cast<size_t>(*block)] = {salt, std::vector<int32_t>(prompt.begin(), end)};
      table.Append(*block);
      cache.Insert(b == 0 ? root : keys[b - 1], keys[b], std::span(prompt).subspan(b * kBlockSize, kBlockSize), *block);
    }
    holders.push_back(Holder{std::move(table)});
    ASSERT_EQ(allocator.num_free() + allocator.num_used() + allocator.num_cached(), kNumBlocks);
    ASSERT_LE(cache.num_entries(), static_cast<size_t>(kNumBlocks));
  }
  EXPECT_GT(hits, 500u);
  holders.clear();
  EXPECT_EQ(allocator.num_used(), 0);
  EXPECT_EQ(static_cast<size_t>(allocator.num_cached()), cache.num_entries());
}

INSTANTIATE_TEST_SUITE_P(Seeds, PrefixCacheProperty, testing::Range<uint64_t>(0, 10));

}  // namespace
}  // namespace foregate
