#include "server/text/tokenizer/word_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace foregate {
namespace {

TEST(WordCacheTest, FindsWhatItsOwnerPutIn) {
  WordCache cache;
  const uint64_t owner = WordCache::NewOwner();
  std::vector<int32_t> ids = {7};
  EXPECT_FALSE(cache.Find(owner, "word", &ids));
  cache.Insert(owner, "word", std::vector<int32_t>{1, 2, 3});
  EXPECT_TRUE(cache.Find(owner, "word", &ids));
  EXPECT_EQ(ids, (std::vector<int32_t>{7, 1, 2, 3}));
  EXPECT_FALSE(cache.Find(WordCache::NewOwner(), "word", &ids));
  EXPECT_FALSE(cache.Find(owner, "wore", &ids));
  EXPECT_EQ(ids.size(), 4u);
}

TEST(WordCacheTest, AWordMayBecomeNothing) {
  WordCache cache;
  cache.Insert(1, "gone", {});
  std::vector<int32_t> ids;
  EXPECT_TRUE(cache.Find(1, "gone", &ids));
  EXPECT_TRUE(ids.empty());
}

TEST(WordCacheTest, LongWordsAreNotKept) {
  WordCache cache;
  const std::string word(WordCache::kMaxWordBytes + 1, 'a');
  cache.Insert(1, word, std::vector<int32_t>{1});
  std::vector<int32_t> ids;
  EXPECT_FALSE(cache.Find(1, word, &ids));
}

// More words than it holds, each with more ids than the memory has room for in the end: it forgets and goes on, and
// what it finds is right.
TEST(WordCacheTest, ForgetsRatherThanGrows) {
  WordCache cache;
  size_t found = 0;
  for (int32_t i = 0; i < 100'000; ++i) {
    const std::string word = "w" + std::to_string(i);
    cache.Insert(1, word, std::vector<int32_t>(static_cast<size_t>(i % 40), i));
    const std::string earlier = "w" + std::to_string(i / 2);
    std::vector<int32_t> ids;
    if (!cache.Find(1, earlier, &ids)) continue;
    ++found;
    ASSERT_EQ(ids, std::vector<int32_t>(static_cast<size_t>(i / 2 % 40), i / 2));
  }
  EXPECT_GT(found, 0u);
  EXPECT_LT(found, 100'000u);
}

}  // namespace
}  // namespace foregate
