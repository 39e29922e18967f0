#include "server/rpc/delta_buffer.h"

#include <atomic>
#include <condition_variable>
#include <random>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

using Kind = DeltaBuffer::Next::Kind;

GenerationDelta TextDelta(const std::string& text) {
  GenerationDelta delta;
  delta.samples.emplace_back();
  delta.samples.back().text = text;
  return delta;
}

std::string TextOf(const DeltaBuffer::Next& next) {
  return next.delta.samples.empty() ? "" : next.delta.samples[0].text;
}

constexpr size_t kPlenty = 1 << 20;

TEST(DeltaBufferTest, CoalescesWhileAWriteIsInFlight) {
  DeltaBuffer buffer(kPlenty, kPlenty);
  DeltaBuffer::Next next;
  ASSERT_TRUE(buffer.Push(TextDelta("a"), &next).ok());
  EXPECT_EQ(next.kind, Kind::kWrite);
  EXPECT_EQ(TextOf(next), "a");
  ASSERT_TRUE(buffer.Push(TextDelta("b"), &next).ok());
  EXPECT_EQ(next.kind, Kind::kNothing);
  ASSERT_TRUE(buffer.Push(TextDelta("c"), &next).ok());
  EXPECT_EQ(next.kind, Kind::kNothing);
  next = buffer.WriteDone(true);
  EXPECT_EQ(next.kind, Kind::kWrite);
  EXPECT_EQ(TextOf(next), "bc");
  EXPECT_EQ(buffer.WriteDone(true).kind, Kind::kNothing);
}

TEST(DeltaBufferTest, TheLastMessageCarriesSummaryAndWhatWaited) {
  DeltaBuffer buffer(kPlenty, kPlenty);
  DeltaBuffer::Next next;
  ASSERT_TRUE(buffer.Push(TextDelta("a"), &next).ok());
  ASSERT_TRUE(buffer.Push(TextDelta("b"), &next).ok());
  GenerationSummary summary;
  summary.request_id = "r";
  EXPECT_EQ(buffer.End(absl::OkStatus(), summary).kind, Kind::kNothing);
  next = buffer.WriteDone(true);
  EXPECT_EQ(next.kind, Kind::kWriteLast);
  EXPECT_EQ(TextOf(next), "b");
  EXPECT_EQ(next.summary.request_id, "r");
}

TEST(DeltaBufferTest, AnErrorFollowsTheTextThatCameBeforeIt) {
  DeltaBuffer buffer(kPlenty, kPlenty);
  DeltaBuffer::Next next;
  ASSERT_TRUE(buffer.Push(TextDelta("a"), &next).ok());
  ASSERT_TRUE(buffer.Push(TextDelta("b"), &next).ok());
  EXPECT_EQ(buffer.End(absl::DeadlineExceededError("late"), {}).kind, Kind::kNothing);
  next = buffer.WriteDone(true);
  EXPECT_EQ(next.kind, Kind::kWrite);
  EXPECT_EQ(TextOf(next), "b");
  next = buffer.WriteDone(true);
  EXPECT_EQ(next.kind, Kind::kFinish);
  EXPECT_EQ(next.status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(DeltaBufferTest, AnErrorWithNothingInFlightEndsAtOnce) {
  DeltaBuffer buffer(kPlenty, kPlenty);
  EXPECT_EQ(buffer.End(absl::InvalidArgumentError("no"), {}).kind, Kind::kFinish);
}

TEST(DeltaBufferTest, RefusesASlowReaderAndDropsWhatWaited) {
  DeltaBuffer buffer(1000, kPlenty);
  DeltaBuffer::Next next;
  ASSERT_TRUE(buffer.Push(TextDelta("in flight"), &next).ok());
  absl::Status status;
  int num_accepted = 0;
  while (status.ok()) {
    status = buffer.Push(TextDelta(std::string(100, 'x')), &next);
    EXPECT_EQ(next.kind, Kind::kNothing);
    if (status.ok()) ++num_accepted;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "SLOW_READER");
  EXPECT_EQ(num_accepted, 1000 / 116);  // 16 bytes of overhead each
  EXPECT_TRUE(buffer.Push(TextDelta("late"), &next).ok());
  EXPECT_EQ(buffer.End(status, {}).kind, Kind::kNothing);
  next = buffer.WriteDone(true);
  EXPECT_EQ(next.kind, Kind::kFinish);
  EXPECT_EQ(next.status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(DeltaBufferTest, AReaderThatKeepsUpIsNeverRefused) {
  DeltaBuffer buffer(1000, kPlenty);
  DeltaBuffer::Next next;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(buffer.Push(TextDelta(std::string(400, 'x')), &next).ok());
    ASSERT_EQ(next.kind, Kind::kWrite);
    ASSERT_TRUE(buffer.Push(TextDelta(std::string(400, 'x')), &next).ok());
    ASSERT_EQ(buffer.WriteDone(true).kind, Kind::kWrite);
    ASSERT_EQ(buffer.WriteDone(true).kind, Kind::kNothing);
  }
}

TEST(DeltaBufferTest, PromptLogprobsDoNotCountAndAreSplitIntoMessages) {
  DeltaBuffer buffer(100, 200);
  DeltaBuffer::Next next;
  size_t num_written = 0;
  const auto count = [&] { num_written += next.delta.prompt_logprobs.size(); };
  for (int i = 0; i < 50; ++i) {
    GenerationDelta delta;
    delta.prompt_logprobs.resize(4);
    ASSERT_TRUE(buffer.Push(std::move(delta), &next).ok());
    count();
  }
  int num_messages = 1;
  for (next = buffer.WriteDone(true); next.kind == Kind::kWrite; next = buffer.WriteDone(true)) {
    EXPECT_LE(next.delta.prompt_logprobs.size(), 12u);
    ++num_messages;
    count();
  }
  EXPECT_EQ(num_written, 200u);
  EXPECT_GT(num_messages, 10);
}

TEST(DeltaBufferTest, AReaderThatIsGoneEndsTheStreamOnce) {
  DeltaBuffer buffer(kPlenty, kPlenty);
  DeltaBuffer::Next next;
  ASSERT_TRUE(buffer.Push(TextDelta("a"), &next).ok());
  ASSERT_TRUE(buffer.Push(TextDelta("b"), &next).ok());
  EXPECT_EQ(buffer.WriteDone(false).kind, Kind::kNothing);
  EXPECT_TRUE(buffer.Push(TextDelta("c"), &next).ok());
  EXPECT_EQ(next.kind, Kind::kNothing);
  next = buffer.End(absl::OkStatus(), {});
  EXPECT_EQ(next.kind, Kind::kFinish);
  EXPECT_EQ(next.status.code(), absl::StatusCode::kCancelled);
}

// A pusher and a transport thread; whatever the interleaving, nothing is lost, doubled, or written twice at once.
TEST(DeltaBufferTest, ConcatenationOfWritesIsThatOfPushes) {
  DeltaBuffer buffer(kPlenty, 64);
  std::mutex mutex;
  std::condition_variable wake;
  bool in_flight = false;  // guarded by mutex
  bool finished = false;   // guarded by mutex
  std::string written;     // guarded by mutex
  const auto perform = [&](DeltaBuffer::Next next) {
    if (next.kind == Kind::kNothing) return;
    std::lock_guard<std::mutex> lock(mutex);
    EXPECT_FALSE(in_flight);
    EXPECT_FALSE(finished);
    written += TextOf(next);
    in_flight = next.kind == Kind::kWrite;
    finished = next.kind == Kind::kWriteLast;
    wake.notify_all();
  };
  std::thread transport([&] {
    while (true) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait(lock, [&] { return in_flight || finished; });
        if (finished) return;
        in_flight = false;
      }
      perform(buffer.WriteDone(true));
    }
  });
  std::string pushed;
  std::mt19937 random(7);
  for (int i = 0; i < 5000; ++i) {
    const std::string text(1 + random() % 5, static_cast<char>('a' + i % 26));
    pushed += text;
    DeltaBuffer::Next next;
    ASSERT_TRUE(buffer.Push(TextDelta(text), &next).ok());
    perform(std::move(next));
  }
  perform(buffer.End(absl::OkStatus(), {}));
  transport.join();
  EXPECT_EQ(written, pushed);
}

}  // namespace
}  // namespace foregate
