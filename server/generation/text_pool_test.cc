#include "server/generation/text_pool.h"

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(TextPoolTest, RunsEveryTaskBeforeStopReturns) {
  std::atomic<int> num_run{0};
  TextPool pool(3, 1000);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.Submit([&] { ++num_run; }).ok());
    pool.Continue([&] { ++num_run; });
  }
  pool.Stop();
  EXPECT_EQ(num_run, 1000);
}

TEST(TextPoolTest, RefusesCallsBeyondTheBoundAndAfterStop) {
  TextPool pool(1, 2);
  std::promise<void> running;
  std::promise<void> release;
  ASSERT_TRUE(pool.Submit([&] {
                    running.set_value();
                    release.get_future().wait();
                  })
                  .ok());
  running.get_future().wait();
  EXPECT_TRUE(pool.Submit([] {}).ok());
  EXPECT_TRUE(pool.Submit([] {}).ok());
  const absl::Status full = pool.Submit([] {});
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(full.message()).find("limit 2"), std::string::npos);
  release.set_value();
  pool.Stop();
  EXPECT_EQ(pool.Submit([] {}).code(), absl::StatusCode::kUnavailable);
}

TEST(TextPoolTest, ContinuationsGoBeforeWaitingCalls) {
  TextPool pool(1, 10);
  std::promise<void> running;
  std::promise<void> release;
  std::vector<std::string> order;
  ASSERT_TRUE(pool.Submit([&] {
                    running.set_value();
                    release.get_future().wait();
                  })
                  .ok());
  running.get_future().wait();
  ASSERT_TRUE(pool.Submit([&] { order.push_back("call"); }).ok());
  pool.Continue([&] { order.push_back("first continuation"); });
  pool.Continue([&] { order.push_back("second continuation"); });
  release.set_value();
  pool.Stop();
  EXPECT_EQ(order, (std::vector<std::string>{"first continuation", "second continuation", "call"}));
}

TEST(TextPoolTest, OneThreadOfTwoStaysFreeForContinuations) {
  TextPool pool(2, 10);
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> num_calls{0};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pool.Submit([&num_calls, released] {
                      ++num_calls;
                      released.wait();
                    })
                    .ok());
  }
  std::promise<void> continued;
  pool.Continue([&] { continued.set_value(); });
  continued.get_future().wait();
  EXPECT_LE(num_calls, 1);
  release.set_value();
  pool.Stop();
  EXPECT_EQ(num_calls, 2);
}

}  // namespace
}  // namespace foregate
