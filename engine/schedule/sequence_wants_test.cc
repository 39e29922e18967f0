#include "engine/schedule/sequence_wants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace foregate {
namespace {

constexpr size_t kLayers = 2;
constexpr size_t kExperts = 32;
constexpr size_t kTopK = 4;

class SequenceWantsTest : public testing::Test {
 protected:
  // Draws distinct experts from [first, first + count).
  std::vector<int32_t> Choice(int32_t first, int32_t count) {
    std::vector<int32_t> chosen;
    while (chosen.size() < kTopK) {
      const int32_t expert = first + static_cast<int32_t>(random_() % static_cast<uint32_t>(count));
      if (std::find(chosen.begin(), chosen.end(), expert) == chosen.end()) chosen.push_back(expert);
    }
    return chosen;
  }

  std::vector<SequenceShares> Begin(size_t count) {
    std::vector<SequenceShares> all(count);
    for (SequenceShares& shares : all) wants_.Begin(&shares);
    return all;
  }

  float Chance(const SequenceShares& shares, size_t layer, size_t expert) {
    std::vector<float> chances(kLayers * kExperts);
    wants_.Chances(shares, chances);
    return chances[layer * kExperts + expert];
  }

  std::mt19937 random_{3};
  SequenceWants wants_{kLayers, kExperts};
};

TEST_F(SequenceWantsTest, EvenRoutingSaysNothingOfASequence) {
  std::vector<SequenceShares> sequences = Begin(8);
  for (int i = 0; i < 300; ++i)
    for (SequenceShares& shares : sequences)
      for (size_t layer = 0; layer < kLayers; ++layer) wants_.Observe(layer, Choice(0, kExperts), &shares);
  EXPECT_LT(wants_.slope(), 0.1f);
  for (const SequenceShares& shares : sequences)
    for (size_t expert = 0; expert < kExperts; ++expert)
      EXPECT_NEAR(Chance(shares, 1, expert), static_cast<float>(kTopK) / kExperts, 0.05f);
}

TEST_F(SequenceWantsTest, ASequenceIsToldByItsOwnTokens) {
  std::vector<SequenceShares> sequences = Begin(4);
  for (int i = 0; i < 200; ++i)
    for (size_t s = 0; s < sequences.size(); ++s)
      for (size_t layer = 0; layer < kLayers; ++layer)
        wants_.Observe(layer, Choice(s % 2 == 0 ? 0 : 16, 16), &sequences[s]);
  EXPECT_GT(wants_.slope(), 0.7f);
  EXPECT_GT(Chance(sequences[0], 0, 3), 0.1f);
  EXPECT_LT(Chance(sequences[0], 0, 19), 0.05f);
  EXPECT_LT(Chance(sequences[1], 1, 3), 0.05f);
  EXPECT_GT(Chance(sequences[1], 1, 19), 0.1f);
}

TEST_F(SequenceWantsTest, WhoBeginsWantsWhatAllWant) {
  std::vector<SequenceShares> sequences = Begin(1);
  for (int i = 0; i < 100; ++i) wants_.Observe(0, Choice(0, 8), &sequences[0]);
  const std::vector<SequenceShares> later = Begin(1);
  EXPECT_NEAR(Chance(later[0], 0, 2), 0.5f, 0.15f);
  EXPECT_NEAR(Chance(later[0], 0, 20), 0.0f, 1e-3f);
  EXPECT_EQ(Chance(later[0], 1, 2), 0.0f) << "nothing is known of the layer";
}

TEST_F(SequenceWantsTest, SharesStayInTheirBounds) {
  std::vector<SequenceShares> sequences = Begin(2);
  const std::vector<int32_t> always = {0, 1, 2, 3};
  for (int i = 0; i < 2000; ++i) wants_.Observe(0, always, &sequences[0]);
  for (int i = 0; i < 2000; ++i) wants_.Observe(0, Choice(16, 16), &sequences[1]);
  EXPECT_GT(sequences[0].of_expert[0], 65000);
  std::vector<float> chances(kLayers * kExperts);
  for (const SequenceShares& shares : sequences) {
    wants_.Chances(shares, chances);
    for (const float chance : chances) {
      EXPECT_GE(chance, 0.0f);
      EXPECT_LE(chance, 1.0f);
    }
  }
}

}  // namespace
}  // namespace foregate
