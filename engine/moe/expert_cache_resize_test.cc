// The expert cache while it gives memory back and takes it again.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/store/memory_expert_store.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

// Layer 1 of 6 experts of 3 pages, layer 4 of 6 of 4 pages; the expert's index plus 1 fills its block.
class ExpertCacheResizeTest : public testing::Test {
 protected:
  ExpertCacheResizeTest()
      : backend_(MakeRefBackend()),
        stream_(backend_.device->NewStream()),
        directory_({1, 4}, 6, Layouts()),
        store_(*MemoryExpertStore::Create(directory_, *backend_.device)) {
    for (size_t i = 0; i < directory_.size(); ++i)
      std::memset(store_->block(directory_.key(i)), static_cast<int>(i + 1), directory_.layout(i).block_bytes());
  }
  static std::vector<ExpertLayout> Layouts() {
    std::vector<ExpertLayout> layouts;
    for (int expert = 0; expert < 12; ++expert)
      layouts.push_back({.hidden = 64,
                         .width = 32,
                         .formats = {WeightFormat::kBf16, WeightFormat::kBf16,
                                     expert < 6 ? WeightFormat::kBf16 : WeightFormat::kF32}});
    return layouts;
  }
  // 4 slots of 3 pages and 4 of 4.
  void Open() {
    SlotPlan plan = PlanAllSlots(directory_);
    for (SlotClass& slots : plan.classes) slots.num_slots = 4;
    cache_ = *ExpertCache::Create(directory_, plan, store_.get(), EvictLeastRecentlyUsed, *backend_.device);
  }
  void Use(int32_t layer, int32_t expert) { ASSERT_TRUE(cache_->Acquire({layer, expert}, *stream_).ok()); }
  bool is_there(int32_t layer, int32_t expert) const { return cache_->has_slot({layer, expert}); }
  int FillOf(ExpertKey key) {
    const auto lease = cache_->Acquire(key, *stream_);
    if (!lease.ok()) return -1;
    return *static_cast<const unsigned char*>(lease->weights().gate.data);
  }
  uint64_t memory_pages() const { return cache_->counters().memory_bytes / kPage; }

  static constexpr uint64_t kPage = 4096;
  Backend backend_;
  std::unique_ptr<Stream> stream_;
  ExpertDirectory directory_;
  std::unique_ptr<MemoryExpertStore> store_;
  std::unique_ptr<ExpertCache> cache_;
};

TEST_F(ExpertCacheResizeTest, EveryClassGivesItsShareAndThePolicySaysWhat) {
  Open();
  for (const int32_t expert : {0, 1, 2, 3}) Use(1, expert);
  for (const int32_t expert : {5, 4, 3, 2}) Use(4, expert);
  EXPECT_EQ(memory_pages(), 28u);
  EXPECT_EQ(cache_->least_slot_bytes(), 14 * kPage);
  EXPECT_TRUE(cache_->Resize(21 * kPage));  // 3 of each
  EXPECT_EQ(memory_pages(), 21u);
  EXPECT_FALSE(is_there(1, 0));
  EXPECT_FALSE(is_there(4, 5));
  EXPECT_TRUE(is_there(1, 1) && is_there(1, 2) && is_there(1, 3));
  EXPECT_TRUE(is_there(4, 4) && is_there(4, 3) && is_there(4, 2));
  EXPECT_EQ(cache_->slot_bytes(), 28 * kPage) << "the plan";
  // Never below two of each.
  EXPECT_TRUE(cache_->Resize(0));
  EXPECT_EQ(memory_pages(), 14u);
  for (int32_t expert = 0; expert < 6; ++expert) EXPECT_EQ(FillOf({4, expert}), 7 + expert);
  EXPECT_EQ(memory_pages(), 14u);
}

TEST_F(ExpertCacheResizeTest, PagesGoBackToTheSystem) {
  Open();
  for (const int32_t expert : {0, 1, 2, 3}) Use(1, expert);
  const auto is_in_memory = [&] {
    size_t num_pages = 0;
    for (const std::span<std::byte> memory : cache_->slot_memory()) {
      std::vector<unsigned char> pages((memory.size() + kPage - 1) / kPage);
      EXPECT_EQ(::mincore(memory.data(), memory.size(), pages.data()), 0);
      num_pages += static_cast<size_t>(std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; }));
    }
    return num_pages;
  };
  EXPECT_EQ(is_in_memory(), 12u);
  EXPECT_TRUE(cache_->Resize(0));
  EXPECT_EQ(is_in_memory(), 6u);
}

TEST_F(ExpertCacheResizeTest, WhatIsTakenAgainCountsWhenItIsFilled) {
  Open();
  EXPECT_TRUE(cache_->Resize(0));
  EXPECT_TRUE(cache_->Resize(28 * kPage));
  EXPECT_EQ(memory_pages(), 14u);
  for (int32_t expert = 0; expert < 6; ++expert) {
    EXPECT_EQ(FillOf({1, expert}), 1 + expert);
    EXPECT_EQ(FillOf({4, expert}), 7 + expert);
  }
  EXPECT_EQ(memory_pages(), 28u);
  EXPECT_TRUE(is_there(1, 2) && is_there(1, 3) && is_there(1, 4) && is_there(1, 5));
  EXPECT_TRUE(cache_->Resize(~uint64_t{0}));
}

TEST_F(ExpertCacheResizeTest, LeasedExpertsStay) {
  Open();
  auto first = *cache_->Acquire({1, 0}, *stream_);
  auto second = *cache_->Acquire({1, 1}, *stream_);
  auto third = *cache_->Acquire({1, 2}, *stream_);
  Use(1, 3);
  EXPECT_FALSE(cache_->Resize(0)) << "three are leased";
  EXPECT_FALSE(is_there(1, 3));
  EXPECT_EQ(memory_pages(), 3 * 3 + 2 * 4u);
  EXPECT_EQ(*static_cast<const unsigned char*>(first.weights().gate.data), 1);
  first = ExpertLease();
  EXPECT_TRUE(cache_->Resize(0));
  EXPECT_EQ(memory_pages(), 14u);
  EXPECT_EQ(*static_cast<const unsigned char*>(second.weights().gate.data), 2);
  EXPECT_EQ(*static_cast<const unsigned char*>(third.weights().gate.data), 3);
}

TEST_F(ExpertCacheResizeTest, TheFormerSizeIsTakenAgainAfterOneThatWasNotReached) {
  Open();
  {
    std::vector<ExpertLease> leases;
    for (const int32_t expert : {0, 1, 2}) leases.push_back(*cache_->Acquire({1, expert}, *stream_));
    EXPECT_FALSE(cache_->Resize(0)) << "three are leased";
    EXPECT_TRUE(cache_->Resize(28 * kPage));
  }
  for (const int32_t expert : {0, 1, 2, 3}) Use(1, expert);
  for (const int32_t expert : {0, 1, 2, 3}) Use(4, expert);
  for (const int32_t expert : {0, 1, 2, 3}) EXPECT_TRUE(is_there(1, expert) && is_there(4, expert)) << expert;
  EXPECT_EQ(memory_pages(), 28u);
}

TEST_F(ExpertCacheResizeTest, RandomSizesNeverMixExperts) {
  Open();
  std::mt19937 random(17);
  for (int round = 0; round < 3000; ++round) {
    if (random() % 5 == 0) {
      EXPECT_TRUE(cache_->Resize((10 + random() % 22) * kPage));
    }
    const size_t expert = random() % directory_.size();
    ASSERT_EQ(FillOf(directory_.key(expert)), static_cast<int>(expert) + 1) << round;
  }
}

TEST_F(ExpertCacheResizeTest, ACacheOfAllExpertsKeepsThem) {
  cache_ =
      *ExpertCache::Create(directory_, PlanAllSlots(directory_), nullptr, EvictLeastRecentlyUsed, *backend_.device);
  for (size_t i = 0; i < directory_.size(); ++i) ASSERT_TRUE(cache_->Place(directory_.key(i)).ok());
  EXPECT_TRUE(cache_->Resize(0));
  for (size_t i = 0; i < directory_.size(); ++i) EXPECT_EQ(cache_->state(directory_.key(i)), ExpertState::kResident);
}

}  // namespace
}  // namespace foregate
