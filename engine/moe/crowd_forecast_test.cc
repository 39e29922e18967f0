#include "engine/moe/crowd_forecast.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace foregate {
namespace {

constexpr int32_t kExperts = 8;

// Rows choose experts 0 to 5 in turn, 6 once in 64 rows and 7 never.
std::vector<int32_t> Rows(size_t count) {
  std::vector<int32_t> experts(count);
  for (size_t i = 0; i < count; ++i) experts[i] = i % 64 == 63 ? 6 : static_cast<int32_t>(i % 6);
  return experts;
}

std::vector<int32_t> Foreseen(CrowdForecast& forecast, const ExpertUsage& usage, size_t num_rows) {
  const auto foreseen = forecast.Foresee(usage, 0, num_rows);
  return {foreseen.begin(), foreseen.end()};
}

TEST(CrowdForecastTest, TheMoreRowsTheMoreExperts) {
  ExpertUsage usage(1, kExperts);
  for (int i = 0; i < 10; ++i) usage.Visit(0, 64, Rows(64));
  CrowdForecast forecast(kExperts);
  EXPECT_TRUE(Foreseen(forecast, usage, 1).empty());
  EXPECT_EQ(Foreseen(forecast, usage, 64), (std::vector<int32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(Foreseen(forecast, usage, 512), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(CrowdForecastTest, NothingIsForeseenOfALayerThatNeverRan) {
  const ExpertUsage usage(1, kExperts);
  CrowdForecast forecast(kExperts);
  EXPECT_TRUE(Foreseen(forecast, usage, 4096).empty());
}

TEST(CrowdForecastTest, TrustIsLostWhenItDoesNotComeTrueAndWonBack) {
  ExpertUsage usage(1, kExperts);
  usage.Visit(0, 64, Rows(64));
  CrowdForecast forecast(kExperts);
  EXPECT_TRUE(forecast.is_trusted());
  ASSERT_EQ(Foreseen(forecast, usage, 64).size(), 6u);
  forecast.Judge(0, std::vector<int32_t>{0, 1, 2, 7});
  EXPECT_FALSE(forecast.is_trusted());
  int num_steps = 0;
  for (; num_steps < 20 && !forecast.is_trusted(); ++num_steps) {
    Foreseen(forecast, usage, 64);
    forecast.Judge(0, Rows(64));
  }
  EXPECT_GT(num_steps, 1);
  EXPECT_LT(num_steps, 10);
}

TEST(CrowdForecastTest, ReadsAheadWhatTheDiskBringsWhileNobodyWaits) {
  CrowdForecast forecast(kExperts);
  EXPECT_GT(forecast.max_bytes_ahead(64), 1e15);
  forecast.EndStep(64, /*seconds=*/4, /*stall_seconds=*/1, /*bytes_per_layer=*/1000);
  EXPECT_EQ(forecast.max_bytes_ahead(64), 3000);
  EXPECT_EQ(forecast.max_bytes_ahead(40), 3000);
  EXPECT_GT(forecast.max_bytes_ahead(512), 1e15);  // other steps, of which nothing is known
  EXPECT_GT(forecast.max_bytes_ahead(16), 1e15);
  forecast.EndStep(64, 4, 3, 1000);
  EXPECT_EQ(forecast.max_bytes_ahead(64), 0);
  forecast.EndStep(64, 4, 0, 0);
  EXPECT_GT(forecast.max_bytes_ahead(64), 1e15);
}

TEST(CrowdForecastTest, OnlyItsLayerJudges) {
  ExpertUsage usage(2, kExperts);
  usage.Visit(0, 64, Rows(64));
  CrowdForecast forecast(kExperts);
  Foreseen(forecast, usage, 64);
  forecast.Judge(1, {});
  EXPECT_TRUE(forecast.is_trusted());
  forecast.Forget();
  forecast.Judge(0, {});
  EXPECT_TRUE(forecast.is_trusted());
}

}  // namespace
}  // namespace foregate
