#include "engine/moe/expert_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/store/memory_expert_store.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

// 3 experts in each of the layers 1 and 4, every block filled with bytes of its own.
class ExpertCacheTest : public testing::Test {
 protected:
  ExpertCacheTest()
      : backend_(MakeRefBackend()),
        stream_(backend_.device->NewStream()),
        directory_(
            {1, 4}, 3,
            std::vector<ExpertLayout>(
                6,
                {.hidden = 5, .width = 3, .formats = {WeightFormat::kF32, WeightFormat::kF32, WeightFormat::kBf16}})),
        store_(*MemoryExpertStore::Create(directory_, *backend_.device)) {
    for (size_t i = 0; i < directory_.size(); ++i)
      std::memset(store_->block(directory_.key(i)), static_cast<int>(i + 1), directory_.max_block_bytes());
  }
  std::unique_ptr<ExpertCache> MakeCache(size_t num_slots) {
    return *ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), store_.get(), EvictLeastRecentlyUsed,
                                *backend_.device);
  }
  // The byte that fills the expert's matrices, read from its slot (the scalar backend's memory is host memory).
  static int FillOf(const ExpertLease& lease) { return *static_cast<const unsigned char*>(lease.weights().down.data); }

  Backend backend_;
  std::unique_ptr<Stream> stream_;
  ExpertDirectory directory_;
  std::unique_ptr<MemoryExpertStore> store_;
};

TEST_F(ExpertCacheTest, LeaseHasTheExpertsMatrices) {
  const auto cache = MakeCache(2);
  const auto lease = cache->Acquire({4, 1}, *stream_);
  ASSERT_TRUE(lease.ok());
  const ExpertWeights weights = lease->weights();
  EXPECT_EQ(weights.expert, 1);
  EXPECT_EQ(weights.gate.num_outputs, 3);
  EXPECT_EQ(weights.gate.num_inputs, 5);
  EXPECT_EQ(weights.down.num_outputs, 5);
  EXPECT_EQ(weights.down.format, WeightFormat::kBf16);
  EXPECT_EQ(FillOf(*lease), 5);
}

TEST_F(ExpertCacheTest, StatesFollowTheTable) {
  const auto cache = MakeCache(1);
  EXPECT_EQ(cache->state({1, 0}), ExpertState::kAbsent);
  {
    const auto lease = cache->Acquire({1, 0}, *stream_);
    EXPECT_EQ(cache->state({1, 0}), ExpertState::kPinned);
  }
  EXPECT_EQ(cache->state({1, 0}), ExpertState::kResident);
  const auto other = cache->Acquire({1, 2}, *stream_);
  EXPECT_EQ(cache->state({1, 0}), ExpertState::kAbsent);
  EXPECT_EQ(FillOf(*other), 3);
}

TEST_F(ExpertCacheTest, LeasedExpertsAreNeverEvicted) {
  const auto cache = MakeCache(2);
  const auto first = cache->Acquire({1, 0}, *stream_);
  {
    const auto second = cache->Acquire({1, 1}, *stream_);
    const auto third = cache->Acquire({1, 2}, *stream_);
    EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  }
  const auto third = cache->Acquire({1, 2}, *stream_);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(FillOf(*first), 1);
  EXPECT_EQ(cache->state({1, 0}), ExpertState::kPinned);
  EXPECT_EQ(cache->state({1, 1}), ExpertState::kAbsent);
}

TEST_F(ExpertCacheTest, LeastRecentlyUsedGoesFirstAndHitsDoNotCopy) {
  const auto cache = MakeCache(2);
  for (const int32_t expert : {0, 1, 0, 2, 0}) ASSERT_TRUE(cache->Acquire({1, expert}, *stream_).ok());
  EXPECT_EQ(cache->state({1, 0}), ExpertState::kResident);
  EXPECT_EQ(cache->state({1, 1}), ExpertState::kAbsent);
  EXPECT_EQ(cache->counters().num_misses, 3u);
}

TEST_F(ExpertCacheTest, MovedLeaseIsReturnedOnce) {
  const auto cache = MakeCache(1);
  {
    ExpertLease outer;
    {
      auto lease = cache->Acquire({1, 0}, *stream_);
      outer = *std::move(lease);
    }
    EXPECT_EQ(cache->state({1, 0}), ExpertState::kPinned);
  }
  EXPECT_EQ(cache->state({1, 0}), ExpertState::kResident);
}

TEST_F(ExpertCacheTest, TheBoardShowsExpertsAndCountsByLayer) {
  const auto cache = MakeCache(2);
  const ExpertBoard& board = cache->board();
  ASSERT_EQ(board.layers().size(), 2u);
  EXPECT_EQ(board.layers()[1].expert_bytes, directory_.layout(5).block_bytes());
  for (const ExpertKey key : {ExpertKey{1, 0}, {1, 0}, {4, 2}, {4, 1}}) {
    const auto lease = cache->Acquire(key, *stream_);
    EXPECT_EQ(board.States()[directory_.index(key)], ExpertState::kPinned);
  }
  for (size_t i = 0; i < directory_.size(); ++i) EXPECT_EQ(board.States()[i], cache->state(directory_.key(i))) << i;
  EXPECT_EQ(board.States()[0], ExpertState::kAbsent);
  EXPECT_EQ(board.layers()[0].num_hits, 1u);
  EXPECT_EQ(board.layers()[0].num_misses, 1u);
  EXPECT_EQ(board.layers()[0].num_evictions, 1u);
  EXPECT_EQ(board.layers()[1].num_misses, 2u);
  EXPECT_EQ(board.layers()[1].num_evictions, 0u);
}

TEST_F(ExpertCacheTest, WhoeverReadsTheBoardNeverSeesMoreExpertsThanSlots) {
  const auto cache = MakeCache(2);
  std::atomic<bool> is_over{false};
  std::atomic<int> num_looks{0};
  size_t most = 0;
  std::thread reader([&] {
    do {
      const std::vector<ExpertState> states = cache->board().States();
      most = std::max<size_t>(most, states.size() - std::count(states.begin(), states.end(), ExpertState::kAbsent));
      ++num_looks;
    } while (!is_over);
  });
  // A fast machine has done 20,000 before the reader has begun.
  for (uint32_t i = 0; i < 20000 || num_looks < 10; ++i)
    ASSERT_TRUE(cache->Acquire(directory_.key(i * 7 % 6), *stream_).ok());
  is_over = true;
  reader.join();
  EXPECT_GT(most, 0u);
  EXPECT_LE(most, 2u);
}

TEST_F(ExpertCacheTest, PlacedExpertsNeedNoStore) {
  const auto code = [&](size_t num_slots, ExpertStore* store) {
    return ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), store, EvictLeastRecentlyUsed,
                               *backend_.device)
        .status()
        .code();
  };
  EXPECT_EQ(code(5, nullptr), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(0, store_.get()), absl::StatusCode::kInvalidArgument);
  auto cache =
      *ExpertCache::Create(directory_, PlanAllSlots(directory_), nullptr, EvictLeastRecentlyUsed, *backend_.device);
  EXPECT_TRUE(cache->holds_all());
  for (size_t i = 0; i < directory_.size(); ++i) {
    const auto block = cache->Place(directory_.key(i));
    ASSERT_TRUE(block.ok());
    std::memset(*block, static_cast<int>(i + 40), directory_.max_block_bytes());
  }
  EXPECT_EQ(FillOf(*cache->Acquire({4, 2}, *stream_)), 45);
  EXPECT_EQ(cache->counters().num_misses, 0u);
  EXPECT_EQ(cache->board().States(), std::vector<ExpertState>(6, ExpertState::kResident));
}

}  // namespace
}  // namespace foregate
