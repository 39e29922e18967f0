#include "kernels/cpu/thread_pool.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

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

TEST(ThreadPool, WorkersThatSleptTakePartAgain) {
  auto pool = ThreadPool::Create(3);
  ASSERT_TRUE(pool.ok());
  for (int round = 0; round < 20; ++round) {
    // Longer than they spin. Whether they sleep already does not matter to what is tested.
    if (round % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> num_arrived = 0;
    (*pool)->ParallelFor(3, [&](int64_t) {
      num_arrived.fetch_add(1);
      while (num_arrived.load() < 3) std::this_thread::yield();
    });
    ASSERT_EQ(num_arrived.load(), 3);
  }
}

TEST(ThreadPool, TheCallerSleepsWhileAWorkerTakesLong) {
  auto pool = ThreadPool::Create(2);
  ASSERT_TRUE(pool.ok());
  const std::thread::id caller = std::this_thread::get_id();
  for (int round = 0; round < 5; ++round) {
    std::atomic<bool> worker_came = false;
    int written = 0;  // plain: the join publishes it
    (*pool)->ParallelFor(2, [&](int64_t) {
      if (std::this_thread::get_id() == caller) {
        while (!worker_came.load()) std::this_thread::yield();
        return;
      }
      worker_came.store(true);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      written = round + 1;
    });
    ASSERT_EQ(written, round + 1);
  }
}

std::vector<int> UsableCpus() {
  cpu_set_t set;
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<size_t>(cpu), &set)) cpus.push_back(cpu);
  return cpus;
}

TEST(ThreadPool, ThreadsRunOnTheirCpus) {
  const std::vector<int> usable = UsableCpus();
  ASSERT_FALSE(usable.empty());
  const std::vector<int> cpus = {usable.back(), usable.front()};
  auto pool = ThreadPool::Create(2, cpus);
  ASSERT_TRUE(pool.ok()) << pool.status();
  std::thread([&] {  // the calling thread is bound as well: not the test's
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> num_arrived = 0;
    (*pool)->ParallelFor(2, [&](int64_t) {
      num_arrived.fetch_add(1);
      while (num_arrived.load() < 2) std::this_thread::yield();
      EXPECT_EQ(sched_getcpu(), std::this_thread::get_id() == caller ? cpus[0] : cpus[1]);
    });
  })
      .join();
}

TEST(ThreadPool, ACpuThatDoesNotExistIsRefusedByNumber) {
  const auto pool = ThreadPool::Create(2, {0, 4095});
  EXPECT_EQ(pool.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(pool.status().message()).find("CPU 4095"), std::string::npos) << pool.status();
}

}  // namespace
}  // namespace foregate::internal
