#include "server/rpc/cancel_link.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace foregate {
namespace {

class CountingGeneration final : public RunningGeneration {
 public:
  void Cancel(absl::Status reason) override {
    EXPECT_EQ(reason.code(), absl::StatusCode::kCancelled);
    ++num_cancels;
  }
  std::atomic<int> num_cancels{0};
};

TEST(CancelLinkTest, CancelBeforeAttachIsPassedOnByAttach) {
  CancelLink link;
  EXPECT_TRUE(link.reason().ok());
  link.Cancel(absl::CancelledError("gone"));
  EXPECT_EQ(link.reason().message(), "gone");
  auto running = std::make_shared<CountingGeneration>();
  link.Attach(running);
  EXPECT_EQ(running->num_cancels, 1);
}

TEST(CancelLinkTest, CancelAfterAttachIsPassedOnAtOnce) {
  CancelLink link;
  auto running = std::make_shared<CountingGeneration>();
  link.Attach(running);
  EXPECT_EQ(running->num_cancels, 0);
  link.Cancel(absl::CancelledError("gone"));
  EXPECT_EQ(running->num_cancels, 1);
}

TEST(CancelLinkTest, ARaceNeverLosesTheCancellation) {
  for (int i = 0; i < 200; ++i) {
    CancelLink link;
    auto running = std::make_shared<CountingGeneration>();
    std::thread canceller([&] { link.Cancel(absl::CancelledError("gone")); });
    link.Attach(running);
    canceller.join();
    EXPECT_GE(running->num_cancels, 1);
  }
}

}  // namespace
}  // namespace foregate
