#include "client/evaluation/ordered_work.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(OrderedWorkTest, TakesInOrderWhateverEndsFirst) {
  constexpr size_t kCount = 500, kWindow = 7;
  std::vector<size_t> places(kWindow);
  std::vector<size_t> taken;
  const absl::Status status = WorkInOrder(
      kCount, 4, kWindow,
      [&](size_t i) {
        if (i % 3 == 0) std::this_thread::yield();
        places[i % kWindow] = 2 * i;
      },
      [&](size_t i) {
        EXPECT_EQ(places[i % kWindow], 2 * i);
        taken.push_back(i);
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(taken.size(), kCount);
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(taken[i], i);
}

TEST(OrderedWorkTest, NoneGetsFartherAheadThanTheWindow) {
  std::atomic<size_t> num_taken = 0;
  std::atomic<bool> is_far = false;
  const absl::Status status = WorkInOrder(
      200, 8, 3,
      [&](size_t i) {
        if (i >= num_taken + 3) is_far = true;
      },
      [&](size_t i) {
        num_taken = i + 1;
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok());
  EXPECT_FALSE(is_far);
}

TEST(OrderedWorkTest, AFailureEndsIt) {
  std::atomic<size_t> num_begun = 0;
  const absl::Status status = WorkInOrder(
      1000, 3, 5, [&](size_t) { ++num_begun; },
      [&](size_t i) { return i == 10 ? absl::DataLossError("here") : absl::OkStatus(); });
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_LE(num_begun, 16u);
}

TEST(OrderedWorkTest, NothingToDo) {
  EXPECT_TRUE(WorkInOrder(
                  0, 4, 4, [](size_t) { ADD_FAILURE(); }, [](size_t) { return absl::UnknownError("taken"); })
                  .ok());
}

}  // namespace
}  // namespace foregate
