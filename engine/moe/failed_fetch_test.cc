// The expert cache above a store that cannot bring some experts, which nobody waits for: guesses.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_cache.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

// Brings every expert at once, or fails.
class FailingStore : public ExpertStore {
 public:
  std::set<size_t> broken;  // directory indices

  absl::Status Begin(ExpertFetch& fetch, Stream& /*stream*/) override {
    const bool is_broken = broken.contains(fetch.expert);
    fetch.error = is_broken ? absl::UnavailableError("input/output error") : absl::OkStatus();
    fetch.state = is_broken ? FetchState::kFailed : FetchState::kArrived;
    ++num_ended_;
    return absl::OkStatus();
  }
  void Raise(ExpertFetch& /*fetch*/, FetchClass /*urgency*/) override {}
  bool Cancel(ExpertFetch& /*fetch*/) override { return false; }
  uint64_t num_ended() const override { return num_ended_; }
  absl::Status WaitForEnd(uint64_t /*seen*/, std::chrono::steady_clock::time_point /*deadline*/) override {
    return absl::OkStatus();
  }

 private:
  uint64_t num_ended_ = 0;
};

// Layer 1 of 6 experts, of which 1 cannot be read.
class FailedFetchTest : public testing::Test {
 protected:
  FailedFetchTest() { store_.broken = {1}; }
  void Open(size_t num_slots) {
    cache_ = *ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), &store_, EvictLeastRecentlyUsed,
                                  *backend_.device);
  }
  bool Guess(int32_t expert) { return *cache_->Prefetch({1, expert}, FetchClass::kSpeculative, 0.5f, *stream_); }
  absl::Status Use(int32_t expert) { return cache_->Acquire({1, expert}, *stream_)->status(); }

  Backend backend_ = MakeRefBackend();
  std::unique_ptr<Stream> stream_ = backend_.device->NewStream();
  const ExpertDirectory directory_{{1}, 6, std::vector<ExpertLayout>(6, {.hidden = 5, .width = 3, .formats = {}})};
  FailingStore store_;
  std::unique_ptr<ExpertCache> cache_;
};

TEST_F(FailedFetchTest, IsAbsentAndGuessedAgain) {
  Open(3);
  EXPECT_TRUE(Guess(1));
  EXPECT_EQ(cache_->state({1, 1}), ExpertState::kAbsent);
  EXPECT_EQ(cache_->board().States()[1], ExpertState::kAbsent);
  EXPECT_FALSE(cache_->has_slot({1, 1}));
  store_.broken = {};
  EXPECT_TRUE(Guess(1));
  EXPECT_EQ(cache_->state({1, 1}), ExpertState::kResident);
  EXPECT_EQ(cache_->counters().num_prefetched, 2u);
}

TEST_F(FailedFetchTest, GivesUpItsSlotBeforeAnyOther) {
  Open(3);
  for (const int32_t expert : {0, 2}) ASSERT_TRUE(Use(expert).ok());
  EXPECT_TRUE(Guess(1));
  EXPECT_TRUE(Guess(3));
  for (const int32_t expert : {0, 2, 3}) EXPECT_EQ(cache_->state({1, expert}), ExpertState::kResident) << expert;
  EXPECT_EQ(cache_->board().layers()[0].num_evictions, 0u);
  EXPECT_TRUE(cache_->Resize(~uint64_t{0}));
}

TEST_F(FailedFetchTest, WasGuessedInVain) {
  Open(3);
  EXPECT_TRUE(Guess(1));
  const int32_t chosen[] = {1};
  cache_->Visit(1, 1, chosen);
  EXPECT_EQ(cache_->counters().guess_used_bytes, 0u);
  EXPECT_EQ(cache_->counters().guess_wasted_bytes, directory_.max_block_bytes());
  EXPECT_TRUE(absl::IsUnavailable(Use(1)));
  EXPECT_EQ(cache_->counters().num_misses, 1u);
}

}  // namespace
}  // namespace foregate
