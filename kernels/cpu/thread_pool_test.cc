#include "kernels/cpu/thread_pool.h"

#include <atomic>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace foregate::internal {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, CallsEachIndexOnceAndPublishesTheWrites) {
  auto pool = ThreadPool::Create(GetParam());
  ASSERT_TRUE(pool.ok()) << pool.status();
  EXPECT_EQ((*pool)->num_threads(), GetParam());
  // Plain ints: the thread sanitizer sees an unordered write or read here.
  std::vector<int> calls;
  for (int round = 0; round < 300; ++round) {
    calls.assign(static_cast<size_t>(round % 37), 0);
    (*pool)->ParallelFor(static_cast<int64_t>(calls.size()), [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    for (const int count : calls) ASSERT_EQ(count, 1) << round;
  }
}

TEST_P(ThreadPoolTest, NoIndexNoCall) {
  auto pool = ThreadPool::Create(GetParam());
  ASSERT_TRUE(pool.ok());
  (*pool)->ParallelFor(0, [](int64_t) { FAIL(); });
}

INSTANTIATE_TEST_SUITE_P(NumThreads, ThreadPoolTest, testing::Values(1, 2, 3, 8),
                         [](const auto& test) { return std::to_string(test.param); });

TEST(ThreadPool, WorkersTakePart) {
  auto pool = ThreadPool::Create(2);
  ASSERT_TRUE(pool.ok());
  // Each of two calls waits for the other: only two threads can finish this.
  std::atomic<int> num_arrived = 0;
  (*pool)->ParallelFor(2, [&](int64_t) {
    num_arrived.fetch_add(1);
    while (num_arrived.load() < 2) std::this_thread::yield();
  });
  EXPECT_EQ(num_arrived.load(), 2);
}

}  // namespace
}  // namespace foregate::internal
