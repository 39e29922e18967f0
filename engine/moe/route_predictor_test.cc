#include "engine/moe/route_predictor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/moe/route_predictor_file.h"

namespace foregate {
namespace {

constexpr RouteShape kShape = {.num_layers = 4, .num_experts = 16, .top_k = 2, .lead = 1};
constexpr uint64_t kDigest = 0x1234;

// Rows whose experts at a layer follow from those at the layer before: e becomes e + 1, with `noise` in 10 at random.
class Router {
 public:
  Router(const RouteShape& shape, uint32_t seed, uint32_t noise) : shape_(shape), random_(seed), noise_(noise) {}

  std::vector<int32_t> First(size_t num_rows) {
    std::vector<int32_t> experts;
    while (experts.size() < num_rows * static_cast<size_t>(shape_.top_k)) Append(Any(), &experts);
    return experts;
  }
  std::vector<int32_t> Next(const std::vector<int32_t>& before) {
    std::vector<int32_t> experts;
    for (const int32_t expert : before) Append(Follower(expert), &experts);
    return experts;
  }

 private:
  int32_t Any() { return static_cast<int32_t>(random_() % static_cast<uint32_t>(shape_.num_experts)); }
  int32_t Follower(int32_t expert) { return random_() % 10 < noise_ ? Any() : (expert + 1) % shape_.num_experts; }
  // Distinct in a row.
  void Append(int32_t expert, std::vector<int32_t>* experts) {
    const auto row = experts->end() - static_cast<ptrdiff_t>(experts->size() % static_cast<size_t>(shape_.top_k));
    while (std::find(row, experts->end(), expert) != experts->end()) expert = (expert + 1) % shape_.num_experts;
    experts->push_back(expert);
  }

  RouteShape shape_;
  std::mt19937 random_;
  uint32_t noise_;
};

std::vector<float> EqualPrior(const RouteShape& shape) {
  return std::vector<float>(static_cast<size_t>(shape.num_experts),
                            static_cast<float>(shape.top_k) / static_cast<float>(shape.num_experts));
}

struct Score {
  double predicted = 0;  // sum of probabilities
  double needed = 0;     // of the guesses, how many came true
  double recalled = 0;   // of what was wanted, how much is in the first top_k x rows guesses
  double wanted = 0;
};

// Runs steps; the score is of the last `num_judged` ones.
Score Train(RoutePredictor* predictor, Router* router, int num_steps, int num_judged, size_t num_rows) {
  const RouteShape shape = predictor->shape();
  const std::vector<float> prior = EqualPrior(shape);
  Score score;
  std::vector<ExpertGuess> guesses;
  for (int step = 0; step < num_steps; ++step) {
    std::vector<std::vector<int32_t>> layers = {router->First(num_rows)};
    while (layers.size() < static_cast<size_t>(shape.num_layers)) layers.push_back(router->Next(layers.back()));
    for (int32_t layer = 0; layer < shape.num_layers; ++layer) {
      predictor->Observe(layer, layers[static_cast<size_t>(layer)]);
      predictor->judge().Judge(layer, layers[static_cast<size_t>(layer)]);
      const int32_t target = layer + shape.lead;
      if (target >= shape.num_layers) continue;
      predictor->Predict(target, prior, num_rows, &guesses);
      predictor->judge().Grade(target, guesses);
      if (step < num_steps - num_judged) continue;
      const std::vector<int32_t>& wanted = layers[static_cast<size_t>(target)];
      const auto is_wanted = [&](int32_t expert) {
        return std::find(wanted.begin(), wanted.end(), expert) != wanted.end();
      };
      for (const ExpertGuess& guess : guesses) {
        score.predicted += guess.probability;
        score.needed += is_wanted(guess.expert) ? 1 : 0;
      }
      const size_t first = SelectGuesses(guesses, 1, {.bytes_per_layer = wanted.size(), .min_probability = 0});
      for (size_t i = 0; i < first; ++i) score.recalled += is_wanted(guesses[i].expert) ? 1 : 0;
      for (int32_t e = 0; e < shape.num_experts; ++e) score.wanted += is_wanted(e) ? 1 : 0;
    }
  }
  return score;
}

TEST(RoutePredictor, LearnsWhatFollows) {
  auto predictor = *RoutePredictor::Create(kShape);
  Router router(kShape, 1, 0);
  const Score score = Train(&predictor, &router, 400, 100, 1);
  EXPECT_GT(score.recalled / score.wanted, 0.97);
  EXPECT_NEAR(score.predicted / score.needed, 1, 0.1);
}

TEST(RoutePredictor, ItsProbabilitiesAreHonest) {
  for (const uint32_t noise : {3u, 6u, 10u}) {
    for (const size_t rows : {size_t{1}, size_t{3}, size_t{40}}) {
      auto predictor = *RoutePredictor::Create(kShape);
      Router router(kShape, 7 + noise, noise);
      const Score score = Train(&predictor, &router, 700, 400, rows);
      EXPECT_NEAR(score.predicted / score.needed, 1, 0.08) << noise << " of 10 at random, " << rows << " rows";
    }
  }
}

TEST(RoutePredictor, PredictsSeveralLayersAhead) {
  RouteShape shape = kShape;
  shape.lead = 2;
  auto predictor = *RoutePredictor::Create(shape);
  Router router(shape, 3, 0);
  const Score score = Train(&predictor, &router, 400, 100, 2);
  EXPECT_GT(score.recalled / score.wanted, 0.9);
}

TEST(RoutePredictor, WithoutRowsThePriorDecides) {
  auto predictor = *RoutePredictor::Create(kShape);
  std::vector<float> prior(16, 0.01f);
  prior[5] = 0.9f;
  std::vector<ExpertGuess> guesses;
  predictor.Predict(0, prior, 1, &guesses);
  ASSERT_FALSE(guesses.empty());
  SelectGuesses(guesses, 1, {.bytes_per_layer = 16, .min_probability = 0});
  EXPECT_EQ(guesses[0].expert, 5);
  EXPECT_GT(guesses[0].probability, 0.5f);
}

// Rows were dropped between two layers: who followed whom is unknown, and nothing is learned.
TEST(RoutePredictor, DroppedRowsTeachNothing) {
  auto predictor = *RoutePredictor::Create(kShape);
  const std::string before = RoutePredictorFile::Serialize(predictor, kDigest);
  auto other = *RoutePredictor::Create(kShape);
  predictor.Observe(0, std::vector<int32_t>{0, 1, 2, 3});
  predictor.Observe(1, std::vector<int32_t>{4, 5});
  other.Observe(1, std::vector<int32_t>{4, 5});
  other.Observe(0, std::vector<int32_t>{0, 1, 2, 3});
  EXPECT_EQ(RoutePredictorFile::Serialize(predictor, kDigest), RoutePredictorFile::Serialize(other, kDigest));
  EXPECT_NE(RoutePredictorFile::Serialize(predictor, kDigest), before);
}

// Counters are full again and again; what is old fades.
TEST(RoutePredictor, AdaptsToAnotherRouting) {
  auto predictor = *RoutePredictor::Create({.num_layers = 2, .num_experts = 4, .top_k = 1});
  const std::vector<float> prior(4, 0.25f);
  std::vector<ExpertGuess> guesses;
  for (const int32_t follower : {1, 3}) {
    for (int i = 0; i < 9000; ++i) {
      predictor.Observe(0, std::vector<int32_t>{0});
      predictor.Predict(1, prior, 1, &guesses);
      predictor.Observe(1, std::vector<int32_t>{follower});
    }
    SelectGuesses(guesses, 1, {.bytes_per_layer = 1, .min_probability = 0});
    EXPECT_EQ(guesses[0].expert, follower);
  }
  EXPECT_TRUE(RoutePredictorFile::Parse(RoutePredictorFile::Serialize(predictor, 0), "p", predictor.shape(), 0).ok());
}

TEST(RoutePredictor, RefusesShapesThatCannotBe) {
  EXPECT_EQ(RoutePredictor::Create({.num_layers = 0, .num_experts = 4, .top_k = 1}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RoutePredictor::Create({.num_layers = 2, .num_experts = 4, .top_k = 5}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RoutePredictor::Create({.num_layers = 2, .num_experts = 4, .top_k = 1, .lead = 5}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RoutePredictor::Create({.num_layers = 100, .num_experts = 4096, .top_k = 8}).status().code(),
            absl::StatusCode::kResourceExhausted);
  // A lead beyond the layers has nothing to learn, and that is all.
  EXPECT_TRUE(RoutePredictor::Create({.num_layers = 1, .num_experts = 4, .top_k = 1, .lead = 2}).ok());
  EXPECT_LT(RoutePredictor::StateBytes({.num_layers = 48, .num_experts = 128, .top_k = 8}), 2u << 20);
}

TEST(RoutePredictorFile, IsReadAgainAsItWas) {
  auto predictor = *RoutePredictor::Create(kShape);
  Router router(kShape, 5, 3);
  Train(&predictor, &router, 100, 0, 2);
  predictor.router_ranks().Record(1, 3, true);
  const std::string bytes = RoutePredictorFile::Serialize(predictor, kDigest);
  auto again = RoutePredictorFile::Parse(bytes, "p", kShape, kDigest);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(RoutePredictorFile::Serialize(*again, kDigest), bytes);
  EXPECT_EQ(again->router_ranks().probability(1, 3), predictor.router_ranks().probability(1, 3));
}

TEST(RoutePredictorFile, WhatIsWrongIsSaid) {
  auto predictor = *RoutePredictor::Create(kShape);
  const std::string bytes = RoutePredictorFile::Serialize(predictor, kDigest);
  const auto error = [&](std::string_view file, const RouteShape& shape, uint64_t digest) {
    return RoutePredictorFile::Parse(file, "p.guess", shape, digest).status();
  };
  EXPECT_EQ(error("", kShape, kDigest).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error("nonsense", kShape, kDigest).message(), "p.guess: no file of a route predictor");
  EXPECT_EQ(error(bytes, kShape, kDigest + 1).code(), absl::StatusCode::kFailedPrecondition);
  RouteShape wider = kShape;
  wider.num_experts = 32;
  EXPECT_NE(error(bytes, wider, kDigest).message().find("16 experts"), std::string::npos);
  std::string version = bytes;
  version[8] = 9;
  EXPECT_NE(error(version, kShape, kDigest).message().find("version 9"), std::string::npos);
  for (size_t size = RoutePredictorFile::kMagic.size(); size < bytes.size(); size += 97)
    EXPECT_EQ(error(bytes.substr(0, size), kShape, kDigest).code(), absl::StatusCode::kDataLoss) << size;
  EXPECT_EQ(error(bytes + "x", kShape, kDigest).code(), absl::StatusCode::kDataLoss);
  std::string flipped = bytes;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  EXPECT_EQ(error(flipped, kShape, kDigest).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace foregate
