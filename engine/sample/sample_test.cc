#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "engine/sample/counter_rng.h"
#include "engine/sample/logits_processor.h"
#include "engine/sample/logprobs.h"
#include "engine/sample/sampler.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

TEST(CounterRngTest, PhiloxKnownAnswers) {
  // Vectors published with Random123 (kat_vectors, philox4x32 10 rounds).
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(CounterRngTest, DrawsAreUniformAndDifferBySampleAndPosition) {
  double sum = 0;
  for (int32_t position = 0; position < 10'000; ++position) {
    const double u = UniformDraw(1, 0, position);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 5 * std::sqrt(1.0 / 12 / 10'000));
  EXPECT_NE(UniformDraw(1, 0, 0), UniformDraw(1, 1, 0));
  EXPECT_NE(UniformDraw(1, 0, 0), UniformDraw(1, 0, 1));
  EXPECT_NE(UniformDraw(1, 0, 0), UniformDraw(uint64_t{1} << 32, 0, 0));
}

TEST(LogitsProcessorTest, AppliesBiasThenMaskThenPenalties) {
  GenerationRequest request;
  request.prompt = {0, 1};
  request.min_tokens = 2;
  request.stop_token_ids = {3};
  request.sampling.logit_bias = {{0, 1.0f}, {99, 5.0f}};
  request.sampling.repetition_penalty = 2.0f;
  request.sampling.presence_penalty = 0.5f;
  request.sampling.frequency_penalty = 0.25f;
  LogitsProcessor processor(&request);
  EXPECT_TRUE(processor.active());
  std::vector<float> logits = {1, -1, 3, 4};
  processor.Apply(logits);
  EXPECT_EQ(logits, (std::vector<float>{1, -2, 3, kMasked}));  // (1 + 1) / 2
  processor.OnToken(2);
  processor.OnToken(2);
  logits = {1, -1, 3, 4};
  processor.Apply(logits);
  EXPECT_EQ(logits, (std::vector<float>{1, -2, 3.0f / 2 - 0.5f - 2 * 0.25f, 4}));  // min_tokens reached
}

TEST(LogitsProcessorTest, InactiveWithoutReason) {
  GenerationRequest request;
  request.prompt = {0};
  request.min_tokens = 1;
  request.stop_token_ids = {3};
  LogitsProcessor processor(&request);
  EXPECT_TRUE(processor.active());
  processor.OnToken(1);
  EXPECT_FALSE(processor.active());
}

TEST(SamplerTest, GreedyTakesTheSmallestIdOfTheLargest) {
  Sampler sampler;
  SamplingParams params;
  params.temperature = 0;
  EXPECT_EQ(*sampler.Sample(std::vector<float>{1, 3, kMasked, 3}, params, 0.9), 1);
}

TEST(SamplerTest, GreedyFindsTheLargestAndTheUnusableAtEveryPlace) {
  // Longer than a block, with a rest that fills no vector.
  constexpr size_t kSize = 2053;
  Sampler sampler;
  SamplingParams params;
  params.temperature = 0;
  std::vector<float> logits(kSize);
  for (size_t i = 0; i < kSize; ++i) logits[i] = i % 7 == 0 ? kMasked : -1.0f - static_cast<float>(i % 13);
  for (size_t place = 0; place < kSize; ++place) {
    std::vector<float> row = logits;
    row[place] = 2;
    row[kSize - 1] = 2;  // a tie
    ASSERT_EQ(*sampler.Sample(row, params, 0.5), static_cast<int32_t>(place));
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      row[place] = bad;
      ASSERT_EQ(sampler.Sample(row, params, 0.5).status().code(), absl::StatusCode::kInternal) << place;
    }
  }
  EXPECT_EQ(*sampler.Sample(std::vector<float>(kSize, -3.0f), params, 0.5), 0);
  EXPECT_EQ(sampler.Sample(std::vector<float>(kSize, kMasked), params, 0.5).status().code(),
            absl::StatusCode::kInternal);
}

TEST(SamplerTest, TopKKeepsTheBestOfAWholeVocabularyWithTies) {
  std::mt19937 random(5);
  std::vector<float> logits(1000);
  for (float& logit : logits) logit = random() % 9 == 0 ? kMasked : static_cast<float>(random() % 300) * 0.01f;
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  for (const int32_t top_k : {1, 2, 17, 40, 300}) {
    SamplingParams params;
    params.top_k = top_k;
    params.temperature = 100;  // nearly uniform: every kept token is drawn
    Sampler sampler;
    std::vector<int32_t> drawn;
    for (int i = 0; i < 1500; ++i) drawn.push_back(*sampler.Sample(logits, params, (i + 0.5) / 1500));
    EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
    drawn.erase(std::unique(drawn.begin(), drawn.end()), drawn.end());
    std::vector<int32_t> expected(order.begin(), order.begin() + top_k);
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(drawn, expected) << top_k;
  }
}

TEST(SamplerTest, ReportsWhatCannotBeSampled) {
  Sampler sampler;
  for (const float temperature : {0.0f, 1.0f}) {
    SamplingParams params;
    params.temperature = temperature;
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()})
      EXPECT_EQ(sampler.Sample(std::vector<float>{1, bad, 2}, params, 0.5).status().code(),
                absl::StatusCode::kInternal);
    EXPECT_EQ(sampler.Sample(std::vector<float>{kMasked, kMasked}, params, 0.5).status().code(),
              absl::StatusCode::kInternal);
  }
}

// The tokens that draws over a fine grid reach.
std::vector<int32_t> Support(const std::vector<float>& logits, const SamplingParams& params) {
  Sampler sampler;
  std::vector<int32_t> tokens;
  for (int i = 0; i < 1000; ++i) tokens.push_back(*sampler.Sample(logits, params, (i + 0.5) / 1000));
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));  // ascending ids: the definition
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

TEST(SamplerTest, TruncationsFollowTheDefinition) {
  // Probabilities 0.1, 0.4, 0.2, 0.2, 0.1.
  std::vector<float> logits;
  for (const double p : {0.1, 0.4, 0.2, 0.2, 0.1}) logits.push_back(static_cast<float>(std::log(p)));
  SamplingParams params;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{0, 1, 2, 3, 4}));
  params.top_k = 2;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1, 2}));  // of equals the smaller id
  params.top_k = 0;
  params.top_p = 0.5f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1, 2}));
  params.top_p = 0.65f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1, 2, 3}));
  params.top_p = 1e-6f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1}));
  params.top_p = 1.0f;
  params.min_p = 0.45f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1, 2, 3}));
  params.min_p = 1.0f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1}));
  // top_p counts shares of what top_k kept: 0.4 and 0.2 of 0.6.
  params.min_p = 0;
  params.top_k = 2;
  params.top_p = 0.6f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1}));
  params = SamplingParams();
  params.temperature = 1e-30f;
  EXPECT_EQ(Support(logits, params), (std::vector<int32_t>{1}));
}

TEST(SamplerTest, LongNucleusKeepsTheSmallestPrefix) {
  // 5000 nearly equal tokens: the nucleus passes the first sorted part several times.
  std::vector<float> logits;
  std::mt19937 random(3);
  for (int i = 0; i < 5000; ++i) logits.push_back(static_cast<float>(random() % 1000) * 1e-3f);
  std::vector<int32_t> order(5000);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  double cumulative = 0;
  std::vector<uint8_t> kept(5000);
  for (const int32_t token : order) {
    kept[static_cast<size_t>(token)] = 1;
    cumulative += std::exp(static_cast<double>(logits[static_cast<size_t>(token)]));
    if (cumulative >= 0.8 * total) break;
  }
  SamplingParams params;
  params.top_p = 0.8f;
  Sampler sampler;
  for (int i = 0; i < 300; ++i) {
    const int32_t token = *sampler.Sample(logits, params, (i + 0.5) / 300);
    EXPECT_TRUE(kept[static_cast<size_t>(token)]) << token;
  }
}

// Chi-square against the definition's probabilities, computed here straight from it.
void ExpectDistribution(const std::vector<float>& logits, const SamplingParams& params,
                        const std::vector<double>& expected) {
  constexpr int kDraws = 20'000;
  Sampler sampler;
  std::vector<int> counts(logits.size());
  for (int i = 0; i < kDraws; ++i)
    ++counts[static_cast<size_t>(*sampler.Sample(logits, params, UniformDraw(11, i % 3, i)))];
  double chi_square = 0;
  int degrees = -1;
  for (size_t t = 0; t < expected.size(); ++t) {
    if (expected[t] == 0) {
      EXPECT_EQ(counts[t], 0) << t;
      continue;
    }
    ++degrees;
    const double mean = expected[t] * kDraws;
    chi_square += (counts[t] - mean) * (counts[t] - mean) / mean;
  }
  // The draws are fixed; 5 standard deviations leave room for a wrong constant only.
  EXPECT_LT(chi_square, degrees + 5 * std::sqrt(2.0 * degrees));
}

TEST(SamplerTest, DistributionMatchesTheDefinition) {
  const std::vector<float> logits = {0.3f, -1.0f, 2.0f, kMasked, 1.1f, 0.0f, 1.9f, -0.4f};
  const auto softmax = [&](double temperature, const std::vector<int>& kept) {
    std::vector<double> p(logits.size(), 0);
    double total = 0;
    for (const int t : kept) total += std::exp(static_cast<double>(logits[static_cast<size_t>(t)]) / temperature);
    for (const int t : kept)
      p[static_cast<size_t>(t)] = std::exp(static_cast<double>(logits[static_cast<size_t>(t)]) / temperature) / total;
    return p;
  };
  SamplingParams params;
  ExpectDistribution(logits, params, softmax(1, {0, 1, 2, 4, 5, 6, 7}));
  params.temperature = 0.7f;
  ExpectDistribution(logits, params, softmax(static_cast<double>(0.7f), {0, 1, 2, 4, 5, 6, 7}));
  params.temperature = 2.0f;
  params.top_k = 4;
  ExpectDistribution(logits, params, softmax(2, {0, 2, 4, 6}));
  params.min_p = 0.5f;  // exp(-0.9 / 2) = 0.64 stays, exp(-1.7 / 2) = 0.43 goes
  ExpectDistribution(logits, params, softmax(2, {2, 4, 6}));
}

TEST(LogprobsTest, MatchesLogSoftmaxAndRanks) {
  const std::vector<float> logits = {1.0f, 3.0f, 3.0f, kMasked, -2.0f};
  const double log_sum = std::log(std::exp(1.0) + 2 * std::exp(3.0) + std::exp(-2.0));
  const TokenRecord record = MakeTokenRecord(logits, 2, 3);
  EXPECT_EQ(record.token, 2);
  EXPECT_TRUE(record.has_logprob);
  EXPECT_FLOAT_EQ(record.logprob.logprob, static_cast<float>(3.0 - log_sum));
  EXPECT_EQ(record.logprob.rank, 2);
  ASSERT_EQ(record.top.size(), 3u);
  EXPECT_EQ(record.top[0].token, 1);
  EXPECT_EQ(record.top[1].token, 2);
  EXPECT_EQ(record.top[2].token, 0);
  EXPECT_EQ(record.top[2].rank, 3);
  EXPECT_FLOAT_EQ(record.top[2].logprob, static_cast<float>(1.0 - log_sum));
  EXPECT_EQ(MakeTokenRecord(logits, 3, 0).logprob.logprob, kMasked);
  EXPECT_EQ(MakeTokenRecord(logits, 0, 99).top.size(), 5u);
}

}  // namespace
}  // namespace foregate
