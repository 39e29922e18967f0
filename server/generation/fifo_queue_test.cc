#include "server/generation/fifo_queue.h"

#include <deque>
#include <memory>
#include <random>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(FifoQueueTest, KeepsTheOrderOverRandomPushesAndPops) {
  FifoQueue<int> queue;
  std::deque<int> expected;
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    // Longer and shorter in turn, so that it grows while it is wrapped around.
    if (random() % 100 < (i / 500 % 2 == 0 ? 70u : 30u)) {
      queue.Push(i);
      expected.push_back(i);
    } else if (!expected.empty()) {
      ASSERT_EQ(queue.Pop(), expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(queue.size(), expected.size());
    ASSERT_EQ(queue.empty(), expected.empty());
  }
}

TEST(FifoQueueTest, KeepsNothingOfWhatWasTaken) {
  FifoQueue<std::shared_ptr<int>> queue;
  const auto value = std::make_shared<int>(1);
  queue.Push(value);
  EXPECT_EQ(*queue.Pop(), 1);
  EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace foregate
