#include "kernels/cpu/probe/threads_together.h"

#include <array>
#include <atomic>

#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr int kThreads = 3;

TEST(ThreadsTogether, EachThreadPreparesOnceBeforeAnyWorks) {
  std::atomic<int> num_prepared = 0;
  std::array<std::atomic<int>, kThreads> works{};
  std::atomic<bool> worked_early = false;
  const auto rates = RatesTogether(
      {.num_threads = kThreads, .num_windows = 2, .window = std::chrono::microseconds(100)},
      [&](int /*thread*/) { ++num_prepared; },
      [&](int thread) {
        if (num_prepared != kThreads) worked_early = true;
        ++works[static_cast<size_t>(thread)];
        return 1.0;
      });
  ASSERT_TRUE(rates.ok()) << rates.status();
  ASSERT_EQ(rates->size(), 2u);
  EXPECT_EQ(num_prepared, kThreads);
  EXPECT_FALSE(worked_early);
  for (const auto& count : works) EXPECT_GE(count, 2);  // at least once a window
  for (const double rate : *rates) EXPECT_GT(rate, 0);
}

TEST(ThreadsTogether, RatesOfThreadsAreAdded) {
  // A window as good as empty: each thread works once, so the threads' rates are amounts over tiny times; with amount 0
  // from all but one, only that one counts.
  const auto rates = RatesTogether(
      {.num_threads = 2, .num_windows = 3, .window = std::chrono::nanoseconds(0)}, [](int) {},
      [](int thread) { return thread == 1 ? 1.0 : 0.0; });
  ASSERT_TRUE(rates.ok()) << rates.status();
  for (const double rate : *rates) EXPECT_GT(rate, 0);
}

TEST(ThreadsTogether, TheProcessHasAtLeastOneCpu) { EXPECT_FALSE(UsableCpus().empty()); }

}  // namespace
}  // namespace foregate
