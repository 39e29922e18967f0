#include "engine/moe/prefetcher.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/moe/store/memory_expert_store.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

constexpr int32_t kExperts = 16;
constexpr int32_t kTopK = 2;
constexpr int32_t kRanks = 4;

// Layers 3, 4 and 7 with 16 experts each and slots for 24; a fetch arrives at once.
class PrefetcherTest : public testing::Test {
 protected:
  PrefetcherTest()
      : backend_(MakeRefBackend()),
        stream_(backend_.device->NewStream()),
        directory_({3, 4, 7}, kExperts, std::vector<ExpertLayout>(3 * kExperts, {.hidden = 4, .width = 4})),
        store_(*MemoryExpertStore::Create(directory_, *backend_.device)) {}

  void Create(GuessSource source, size_t num_slots = 24) {
    cache_ = *ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), store_.get(),
                                  EvictFarthestExpectedUse, *backend_.device);
    prefetcher_ = std::make_unique<Prefetcher>(*cache_, directory_, source,
                                               *RoutePredictor::Create(Prefetcher::ShapeOf(directory_, kTopK)));
  }
  static TensorView View(std::vector<int32_t>& ids, int64_t width) {
    return TensorView(ids.data(), DType::kI32, {static_cast<int64_t>(ids.size()) / width, width});
  }
  // As the dispatcher does.
  void Route(int32_t layer, const std::vector<int32_t>& experts) {
    cache_->Visit(layer, experts.size() / kTopK, experts);
    std::vector<ExpertLease> leases;
    for (const int32_t expert : experts) leases.push_back(*cache_->Acquire({layer, expert}, *stream_));
    ASSERT_TRUE(prefetcher_->Routed(layer, experts, *stream_).ok());
  }

  Backend backend_;
  std::unique_ptr<Stream> stream_;
  ExpertDirectory directory_;
  std::unique_ptr<MemoryExpertStore> store_;
  std::unique_ptr<ExpertCache> cache_;
  std::unique_ptr<Prefetcher> prefetcher_;
};

TEST_F(PrefetcherTest, CommittedExpertsAreFetchedOnce) {
  Create(GuessSource::kRouter);
  std::vector<int32_t> committed = {5, 9, 9, 2};
  prefetcher_->Commit(4, View(committed, kTopK));
  Route(3, {0, 1, 1, 7});
  for (const int32_t expert : {2, 5, 9}) EXPECT_TRUE(cache_->has_slot({4, expert})) << expert;
  EXPECT_EQ(cache_->counters().num_prefetched, 3u);
  EXPECT_EQ(cache_->counters().num_misses, 3u);
  Route(4, {5, 9, 9, 2});
  EXPECT_EQ(cache_->counters().num_misses, 3u);
  EXPECT_EQ(cache_->counters().num_prefetched_used, 3u);
  // They were certain: neither used nor wasted guesses.
  EXPECT_EQ(cache_->counters().guess_used_bytes + cache_->counters().guess_wasted_bytes, 0u);
}

TEST_F(PrefetcherTest, CommittedExpertsMakeNoRoomForEachOther) {
  Create(GuessSource::kNone, /*num_slots=*/4);
  Route(4, {5, 6});
  std::vector<int32_t> committed = {9, 5};
  prefetcher_->Commit(4, View(committed, kTopK));
  Route(3, {0, 1});
  EXPECT_TRUE(cache_->has_slot({4, 5}));
  EXPECT_TRUE(cache_->has_slot({4, 9}));
  EXPECT_EQ(cache_->counters().num_prefetched, 1u);
  EXPECT_EQ(cache_->counters().num_misses, 4u);
}

TEST_F(PrefetcherTest, OnlyTheRouterIsAskedAndOnlyForFewRows) {
  Create(GuessSource::kRouter);
  EXPECT_EQ(prefetcher_->GuessedLayer(3, 1), std::optional<int32_t>(4));
  EXPECT_EQ(prefetcher_->GuessedLayer(4, Prefetcher::kMaxGuessRows), std::optional<int32_t>(7));
  EXPECT_EQ(prefetcher_->GuessedLayer(4, Prefetcher::kMaxGuessRows + 1), std::nullopt);
  EXPECT_EQ(prefetcher_->GuessedLayer(7, 1), std::nullopt);
  Create(GuessSource::kPredictor);
  EXPECT_EQ(prefetcher_->GuessedLayer(3, 1), std::nullopt);
}

// Rows of a long prompt, of which each wants two of the first twelve experts.
std::vector<int32_t> Crowd(int32_t num_rows = 64) {
  std::vector<int32_t> experts;
  for (int32_t row = 0; row < num_rows; ++row) {
    experts.push_back(row % 12);
    experts.push_back((row + 5) % 12);
  }
  return experts;
}

TEST_F(PrefetcherTest, ManyRowsFetchTheNextLayerAhead) {
  Create(GuessSource::kPredictor);
  for (const int32_t layer : {3, 4, 7}) Route(layer, Crowd());
  prefetcher_->EndStep(0.01);
  EXPECT_EQ(cache_->counters().num_prefetched, 0u);  // nothing was known of layers 4 and 7
  const uint64_t misses = cache_->counters().num_misses;
  Route(3, Crowd());
  for (int32_t expert = 0; expert < 12; ++expert) EXPECT_TRUE(cache_->has_slot({4, expert})) << expert;
  for (int32_t expert = 12; expert < kExperts; ++expert) EXPECT_FALSE(cache_->has_slot({4, expert})) << expert;
  const uint64_t misses_of_first = cache_->counters().num_misses - misses;
  Route(4, Crowd());
  EXPECT_EQ(cache_->counters().num_misses - misses, misses_of_first);
  // They were all but certain: no guesses.
  EXPECT_EQ(cache_->counters().guess_used_bytes + cache_->counters().guess_wasted_bytes, 0u);
}

TEST_F(PrefetcherTest, FewRowsAreNoCrowd) {
  constexpr auto kFew = static_cast<int32_t>(Prefetcher::kMaxGuessRows);
  Create(GuessSource::kRouter);  // which is not asked here: nothing is guessed
  for (const int32_t layer : {3, 4, 7}) Route(layer, Crowd());
  prefetcher_->EndStep(0.01);
  Route(3, Crowd(kFew));
  EXPECT_EQ(cache_->counters().num_prefetched, 0u);
  prefetcher_->EndStep(0.01);
  Route(3, Crowd(kFew + 1));
  EXPECT_GT(cache_->counters().num_prefetched, 0u);
}

TEST_F(PrefetcherTest, WithoutGuessesNoCrowdIsForeseen) {
  Create(GuessSource::kNone);
  for (int step = 0; step < 2; ++step) {
    for (const int32_t layer : {3, 4, 7}) Route(layer, Crowd());
    prefetcher_->EndStep(0.01);
  }
  EXPECT_EQ(cache_->counters().num_prefetched, 0u);
}

// A step may fail while it waits for the experts of a layer for which something was foreseen.
TEST_F(PrefetcherTest, WhatAFailedStepForesawIsForgotten) {
  Create(GuessSource::kRouter);
  std::vector<int32_t> guess = {1, 2, 3, 4};
  std::vector<int32_t> committed = {5, 9};
  prefetcher_->Guess(7, View(guess, kRanks));
  prefetcher_->Commit(7, View(committed, kTopK));
  prefetcher_->EndStep(0.01);
  Route(3, {0, 1});
  EXPECT_EQ(cache_->counters().num_prefetched, 0u);
}

// A step of one row; the router's guess for the next layer holds the truth first when `is_right`.
class Steps {
 public:
  explicit Steps(uint32_t seed) : random_(seed) {}
  std::vector<int32_t> Choose() {
    const auto first = static_cast<int32_t>(random_() % kExperts);
    return {first, (first + 1 + static_cast<int32_t>(random_() % (kExperts - 1))) % kExperts};
  }
  std::vector<int32_t> Guess(const std::vector<int32_t>& truth, bool is_right) {
    std::vector<int32_t> guess = is_right ? truth : std::vector<int32_t>{};
    for (int32_t expert = static_cast<int32_t>(random_() % kExperts); guess.size() < kRanks;
         expert = (expert + 1) % kExperts) {
      const bool is_wanted = std::find(truth.begin(), truth.end(), expert) != truth.end();
      if (!is_wanted && std::find(guess.begin(), guess.end(), expert) == guess.end()) guess.push_back(expert);
    }
    return guess;
  }

 private:
  std::mt19937 random_;
};

TEST_F(PrefetcherTest, TrueGuessesAreFetched) {
  Create(GuessSource::kRouter);
  Steps steps(3);
  uint64_t misses_early = 0;
  for (int step = 0; step < 400; ++step) {
    std::vector<int32_t> choices = steps.Choose();
    for (const int32_t layer : {3, 4, 7}) {
      const std::vector<int32_t> next = steps.Choose();
      std::vector<int32_t> guess = steps.Guess(next, true);
      if (const auto target = prefetcher_->GuessedLayer(layer, 1)) prefetcher_->Guess(*target, View(guess, kRanks));
      Route(layer, choices);
      choices = next;
    }
    prefetcher_->EndStep(0.01);
    if (step == 99) misses_early = cache_->counters().num_misses;
  }
  const ExpertCacheCounters& counters = cache_->counters();
  EXPECT_GT(counters.guess_used_bytes, 20 * counters.guess_wasted_bytes);
  // Layers 4 and 7 hardly miss any more but in control steps; layer 3 is known to nobody.
  const double misses = static_cast<double>(counters.num_misses - misses_early) / 300;
  EXPECT_LT(misses, 1.6);
}

TEST_F(PrefetcherTest, WrongGuessesAreNotReadForLong) {
  Create(GuessSource::kRouter);
  Steps steps(4);
  uint64_t wasted_early = 0;
  int num_late_guesses = 0;
  for (int step = 0; step < 400; ++step) {
    std::vector<int32_t> choices = steps.Choose();
    for (const int32_t layer : {3, 4, 7}) {
      const std::vector<int32_t> next = steps.Choose();
      std::vector<int32_t> guess = steps.Guess(next, false);
      if (const auto target = prefetcher_->GuessedLayer(layer, 1)) {
        prefetcher_->Guess(*target, View(guess, kRanks));
        if (step > 99) ++num_late_guesses;
      }
      Route(layer, choices);
      choices = next;
    }
    prefetcher_->EndStep(0.01);
    if (step == 99) wasted_early = cache_->counters().guess_wasted_bytes;
  }
  EXPECT_EQ(cache_->counters().guess_wasted_bytes, wasted_early);
  // Two layers have one ahead of them, and a few of 300 steps try whether guessing pays by now.
  EXPECT_GT(num_late_guesses, 0);
  EXPECT_LE(num_late_guesses, 2 * 30);
}

TEST_F(PrefetcherTest, ThePredictorLearnsWhatFollows) {
  Create(GuessSource::kPredictor, 12);
  Steps steps(5);
  for (int step = 0; step < 600; ++step) {
    // Expert e is followed by e + 3 and by e + 6, always.
    std::vector<int32_t> choices = steps.Choose();
    for (const int32_t layer : {3, 4, 7}) {
      Route(layer, choices);
      for (int32_t& expert : choices) expert = (expert + 3) % kExperts;
    }
    prefetcher_->EndStep(0.01);
  }
  const ExpertCacheCounters& counters = cache_->counters();
  EXPECT_GT(counters.guess_used_bytes, 4 * counters.guess_wasted_bytes);
}

}  // namespace
}  // namespace foregate
