#include "engine/request/mailbox.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

GenerationRequest MakeRequest(const std::string& id, size_t num_prompt_tokens, int32_t num_samples = 1) {
  GenerationRequest request;
  request.id = id;
  request.prompt.assign(num_prompt_tokens, 1);
  request.num_samples = num_samples;
  return request;
}

TEST(MailboxTest, BoundsCountWhatWaitsInTheLoop) {
  Mailbox mailbox(MailboxLimits{2, 10});
  EXPECT_TRUE(mailbox.Submit(MakeRequest("big", 50), nullptr).ok());  // alone it always fits
  EXPECT_EQ(mailbox.Submit(MakeRequest("a", 1), nullptr).code(), absl::StatusCode::kResourceExhausted);
  MailboxContents contents;
  mailbox.Drain(&contents);
  ASSERT_EQ(contents.submissions.size(), 1u);
  EXPECT_EQ(mailbox.depth().requests, 1);
  EXPECT_EQ(mailbox.depth().tokens, 50);
  mailbox.SetWaiting(QueueDepth{0, 0});
  EXPECT_TRUE(mailbox.Submit(MakeRequest("a", 4), nullptr).ok());
  EXPECT_TRUE(mailbox.Submit(MakeRequest("b", 6), nullptr).ok());
  EXPECT_EQ(mailbox.Submit(MakeRequest("c", 0), nullptr).code(), absl::StatusCode::kResourceExhausted);
}

TEST(MailboxTest, IdsAreUniqueUntilForgotten) {
  Mailbox mailbox(MailboxLimits{9, 99});
  EXPECT_TRUE(mailbox.Submit(MakeRequest("a", 1), nullptr).ok());
  EXPECT_EQ(mailbox.Submit(MakeRequest("a", 1), nullptr).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(mailbox.Cancel("a", absl::CancelledError("")));
  mailbox.Forget("a");
  EXPECT_FALSE(mailbox.Cancel("a", absl::CancelledError("")));
  EXPECT_TRUE(mailbox.Submit(MakeRequest("a", 1), nullptr).ok());
  // The cancel of the first "a" does not hit the second.
  MailboxContents contents;
  mailbox.Drain(&contents);
  EXPECT_TRUE(contents.cancels.empty());
}

TEST(MailboxTest, SignalsAreKeptOnce) {
  Mailbox mailbox(MailboxLimits{9, 99});
  EXPECT_TRUE(mailbox.Submit(MakeRequest("a", 1, 3), nullptr).ok());
  for (int i = 0; i < 100; ++i) {
    mailbox.StopSample("a", 2);
    mailbox.Cancel("a", i == 0 ? absl::AbortedError("first") : absl::CancelledError("later"));
  }
  mailbox.StopSample("a", 0);
  mailbox.StopSample("a", 3);
  mailbox.StopSample("nobody", 0);
  MailboxContents contents;
  mailbox.Drain(&contents);
  EXPECT_EQ(contents.stops, (std::vector<std::pair<std::string, int32_t>>{{"a", 0}, {"a", 2}}));
  ASSERT_EQ(contents.cancels.size(), 1u);
  EXPECT_EQ(contents.cancels[0].second, absl::AbortedError("first"));
  EXPECT_FALSE(mailbox.HasMail());
  mailbox.Cancel("a", absl::CancelledError("later"));
  EXPECT_FALSE(mailbox.HasMail());
  mailbox.StopSample("a", 1);
  EXPECT_TRUE(mailbox.HasMail());
}

TEST(MailboxTest, StopAcceptingRefuses) {
  Mailbox mailbox(MailboxLimits{9, 99});
  mailbox.StopAccepting();
  EXPECT_EQ(mailbox.Submit(MakeRequest("a", 1), nullptr).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(mailbox.shutdown());
}

TEST(MailboxTest, WaitReturnsForMailAndShutdown) {
  Mailbox mailbox(MailboxLimits{9, 99});
  std::thread submitter([&] { EXPECT_TRUE(mailbox.Submit(MakeRequest("a", 1), nullptr).ok()); });
  mailbox.WaitForMail(std::chrono::hours(1));
  EXPECT_TRUE(mailbox.HasMail());
  submitter.join();
  MailboxContents contents;
  mailbox.Drain(&contents);
  std::thread stopper([&] { mailbox.Shutdown(); });
  mailbox.WaitForMail(std::chrono::hours(1));
  EXPECT_TRUE(mailbox.shutdown());
  stopper.join();
}

}  // namespace
}  // namespace foregate
