#include "client/evaluation/divergence.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

using Distribution = std::vector<double>;

// Softmax of normal values: the larger the spread, the surer.
Distribution Draw(std::mt19937* random, size_t size, double spread) {
  std::normal_distribution<double> normal(0, spread);
  Distribution p(size);
  double sum = 0;
  for (double& x : p) sum += x = std::exp(normal(*random));
  for (double& x : p) x /= sum;
  return p;
}

Distribution Blend(const Distribution& a, const Distribution& b, double share) {
  Distribution blend;
  for (size_t i = 0; i < a.size(); ++i) blend.push_back((1 - share) * a[i] + share * b[i]);
  return blend;
}

double Divergence(const Distribution& p, const Distribution& q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] * std::log(p[i] / q[i]);
  return sum;
}

// As a server reports it.
ScoredToken Score(const Distribution& p, size_t token, size_t num_top) {
  ScoredToken score = {static_cast<int32_t>(token), static_cast<float>(std::log(p[token])), {}};
  for (size_t i = 0; i < p.size(); ++i) {
    score.top.push_back({static_cast<int32_t>(i), static_cast<float>(std::log(p[i]))});
  }
  std::sort(score.top.begin(), score.top.end(), [](const auto& a, const auto& b) { return a.logprob > b.logprob; });
  score.top.resize(std::min(num_top, p.size()));
  return score;
}

TEST(DivergenceBoundTest, IsNeverAboveTheDivergence) {
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    const double spread = 0.1 * static_cast<double>(1 + random() % 100);
    const Distribution p = Draw(&random, 60, spread);
    const Distribution q = Blend(p, Draw(&random, 60, spread), std::pow(10.0, -static_cast<double>(random() % 9)));
    const size_t token = random() % p.size();
    const ScoredToken reference = Score(p, token, random() % 30);
    const ScoredToken other = Score(q, token, random() % 30);
    const double bound = DivergenceBound(reference, other);
    EXPECT_GE(bound, 0);
    // The reference value's own rounding.
    EXPECT_LE(bound, Divergence(p, q) + 1e-13) << "round " << round << ", spread " << spread;
  }
}

TEST(DivergenceBoundTest, ReachesTheDivergenceWhereAllTokensAreListed) {
  std::mt19937 random(8);
  for (int round = 0; round < 200; ++round) {
    const Distribution p = Draw(&random, 20, 1.5);
    const Distribution q = Draw(&random, 20, 1.5);
    const double exact = Divergence(p, q);
    EXPECT_NEAR(DivergenceBound(Score(p, 0, 20), Score(q, 0, 20)), exact, 1e-5 * (1 + exact));
  }
}

TEST(DivergenceBoundTest, MoreAlternativesTellMore) {
  std::mt19937 random(9);
  const Distribution p = Draw(&random, 50, 2);
  const Distribution q = Draw(&random, 50, 2);
  double before = 0;
  for (const size_t num_top : {0, 5, 10, 20, 40, 50}) {
    const double bound = DivergenceBound(Score(p, 3, num_top), Score(q, 3, num_top));
    EXPECT_GE(bound, before - 1e-6);
    before = bound;
  }
  EXPECT_GT(before, 0.5);
}

TEST(DivergenceBoundTest, OfEqualPredictionsIsZero) {
  std::mt19937 random(10);
  for (int round = 0; round < 500; ++round) {
    const Distribution p = Draw(&random, 60, 0.1 * static_cast<double>(random() % 100));
    const ScoredToken score = Score(p, random() % 60, random() % 30);
    EXPECT_EQ(DivergenceBound(score, score), 0);
    // A list that was cut when it was saved.
    ScoredToken cut = score;
    cut.top.resize(cut.top.size() / 2);
    EXPECT_EQ(DivergenceBound(cut, score), 0);
  }
}

TEST(DivergenceBoundTest, ATokenThatOneListLacksIsInTheRestOfBoth) {
  // 0.6 and 0.4 against 0.001 and the rest, which the other lists not at all: two outcomes remain.
  const ScoredToken reference = {0, std::log(0.4F), {{1, std::log(0.6F)}, {0, std::log(0.4F)}}};
  const ScoredToken other = {0, std::log(0.001F), {}};
  EXPECT_NEAR(DivergenceBound(reference, other), 0.4 * std::log(0.4 / 0.001) + 0.6 * std::log(0.6 / 0.999), 1e-5);
}

TEST(DivergenceBoundTest, SureTokensGiveFiniteBounds) {
  const ScoredToken sure = {4, 0, {{4, 0}}};
  const ScoredToken unsure = {4, -20, {{5, 0}}};
  EXPECT_NEAR(DivergenceBound(sure, unsure), 20, 1e-4);
  EXPECT_TRUE(std::isfinite(DivergenceBound(unsure, sure)));
  EXPECT_EQ(DivergenceBound(sure, sure), 0);
}

}  // namespace
}  // namespace foregate
