// The readers with io_uring, whose direct reads hang when a test says so: a pipe takes the place of the file's
// descriptor, so that the kernel itself keeps the reads under way until the pipe is written to or closed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/moe/store/expert_file.h"
#include "engine/moe/store/piece_readers.h"
#include "kernels/api/host_device.h"

namespace foregate {
namespace {

using std::chrono::steady_clock;

constexpr size_t kSlots = 4;
constexpr uint32_t kPage = ExpertFile::kPage;
constexpr int kDepth = 8;  // more reads than an expert has pieces

// Memory of this process that the kernel keeps in its place for reads.
size_t PinnedKib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    size_t count = 0;
    if (word == "VmPin:" && status >> count) return count;
  }
  return 0;
}

class UringReadersTest : public testing::Test {
 protected:
  // Direct reads that begin from now on hang.
  void Hang() {
    ASSERT_EQ(::pipe2(pipe_.data(), O_CLOEXEC), 0);
    saved_fd_ = ::fcntl(file_->direct_fd(), F_DUPFD_CLOEXEC, 0);
    ASSERT_GE(saved_fd_, 0);
    ASSERT_GE(::dup3(pipe_[0], file_->direct_fd(), O_CLOEXEC), 0);
    ::close(pipe_[0]);
  }
  // Those that begin from now on do not; those that hang go on hanging.
  void Mend() {
    ASSERT_GE(::dup3(saved_fd_, file_->direct_fd(), O_CLOEXEC), 0);
    ::close(saved_fd_);
  }
  // Reads that hang find that the file has ended: their readers look at it another way.
  void LetGo() {
    if (pipe_[1] >= 0) ::close(pipe_[1]);
    pipe_[1] = -1;
  }
  // An expert all of whose pieces that are read at once hang, but for the first. Returns when they do.
  void PushHanging(size_t slot, size_t expert) {
    Hang();
    const std::string page(kPage, ExpertFile::FillOf(expert, 0));
    ASSERT_EQ(::write(pipe_[1], page.data(), page.size()), static_cast<ssize_t>(page.size()));
    Push(slot, expert);
    // Pieces are handed to the kernel together, so the others are under way when one has come back.
    const auto& bytes_read = queue_.counters().bytes_read[static_cast<size_t>(fetches_[slot].urgency)];
    EXPECT_TRUE(Await([&] { return bytes_read == kPage; }));
    Mend();
  }

  void SetUp() override {
    if (!experts_.LeavePageCache()) GTEST_SKIP() << "no direct I/O here";
    memory_ = *AllocateHostMemory(kSlots * ExpertFile::kExpertBytes);
    for (size_t slot = 0; slot < kSlots; ++slot)
      fetches_[slot].destination = static_cast<std::byte*>(memory_->data()) + slot * ExpertFile::kExpertBytes;
    const FileRead read = [this](uint64_t offset, std::span<std::byte> bytes) {
      if (before_read_) before_read_(offset);
      iovec buffer{bytes.data(), bytes.size()};
      return file_->Read(offset, {&buffer, 1}, /*direct=*/false);
    };
    const std::span<std::byte> slots(static_cast<std::byte*>(memory_->data()), kSlots * ExpertFile::kExpertBytes);
    auto readers = MakeUringReaders(queue_, *file_, read, {&slots, 1}, kDepth);
    if (!readers.ok()) GTEST_SKIP() << readers.status();
    readers_ = *std::move(readers);
  }
  void TearDown() override {
    LetGo();
    EXPECT_TRUE(queue_.Stop(std::chrono::seconds(10)));
    readers_ = nullptr;
  }

  void Push(size_t slot, size_t expert) {
    fetches_[slot].expert = expert;
    queue_.Push(fetches_[slot]);
  }
  absl::Status AwaitEnds(uint64_t count) {
    return queue_.WaitForEnd(count - 1, steady_clock::now() + std::chrono::seconds(5));
  }
  // Of what nobody tells us when it happens.
  static bool Await(const std::function<bool()>& is_true) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(5);
    while (!is_true() && steady_clock::now() < deadline) std::this_thread::yield();
    return is_true();
  }
  void ExpectArrived(size_t slot) {
    const ExpertFetch& fetch = fetches_[slot];
    ASSERT_EQ(fetch.state, FetchState::kArrived) << fetch.error;
    for (size_t part = 0; part < 3; ++part)
      EXPECT_EQ(static_cast<char>(fetch.destination[part * 2 * kPage]), ExpertFile::FillOf(fetch.expert, part));
  }

  const ExpertFile experts_{testing::TempDir()};
  const std::unique_ptr<BulkFile> file_ = *BulkFile::Open(experts_.stored().path);
  FetchQueue queue_{experts_.directory(), experts_.stored(), {.piece_bytes = kPage, .max_fetches = kSlots}};
  std::unique_ptr<DeviceBuffer> memory_;
  std::array<ExpertFetch, kSlots> fetches_;
  std::function<void(uint64_t offset)> before_read_;
  std::unique_ptr<PieceReaders> readers_;
  std::array<int, 2> pipe_ = {-1, -1};
  int saved_fd_ = -1;
};

TEST_F(UringReadersTest, AReadThatHangsHoldsUpNoOther) {
  PushHanging(0, 0);
  Push(1, 5);
  ASSERT_TRUE(AwaitEnds(1).ok());
  ExpectArrived(1);
  EXPECT_EQ(fetches_[0].state, FetchState::kPending);
  LetGo();
  ASSERT_TRUE(AwaitEnds(2).ok());
  ExpectArrived(0);
}

// What was held back is picked up although nothing that is under way ends.
TEST_F(UringReadersTest, AGuessIsRaisedBesideItsReadsThatHang) {
  fetches_[0].urgency = FetchClass::kSpeculative;
  PushHanging(0, 0);
  queue_.Raise(fetches_[0], FetchClass::kDemand);
  // Of six pieces two were held back at least; the one that followed the first may have hung, too.
  const auto& bytes_read = queue_.counters().bytes_read;
  EXPECT_TRUE(Await([&] { return bytes_read[0] + bytes_read[2] >= 4 * kPage; }));
  EXPECT_EQ(fetches_[0].state, FetchState::kPending);
  LetGo();
  ASSERT_TRUE(AwaitEnds(1).ok());
  ExpectArrived(0);
}

// Reads that came back while the reader was busy with the page cache end before it reads more of that.
TEST_F(UringReadersTest, WhatHasArrivedWaitsForOnePieceFromThePageCache) {
  experts_.EnterPageCache(5);
  if (file_->PrefersDirect(experts_.stored().experts[5][0].file_offset, kPage) ||
      !file_->PrefersDirect(experts_.stored().experts[0][0].file_offset, ExpertFile::kExpertBytes))
    GTEST_SKIP() << "the page cache holds what it likes";
  PushHanging(0, 0);
  std::vector<FetchState> states;  // of the other, whenever a piece of this one is read
  before_read_ = [&](uint64_t offset) {
    if (offset < experts_.stored().experts[5][0].file_offset) return;
    states.push_back(fetches_[0].state);
    LetGo();
  };
  Push(1, 5);
  ASSERT_TRUE(AwaitEnds(2).ok());
  ExpectArrived(0);
  ExpectArrived(1);
  ASSERT_EQ(states.size(), 6u);
  EXPECT_EQ(states.front(), FetchState::kPending);
  EXPECT_EQ(states.back(), FetchState::kArrived);
}

// Memory that is given back is free as soon as the kernel may let go of it, and meanwhile others are read.
TEST_F(UringReadersTest, BuffersAreReleasedBesideAReadThatHangs) {
  if (PinnedKib() == 0) GTEST_SKIP() << "buffers cannot be registered here";
  PushHanging(0, 0);
  readers_->ReleaseBuffers();
  Push(1, 5);
  ASSERT_TRUE(AwaitEnds(1).ok());
  ExpectArrived(1);
  EXPECT_EQ(fetches_[0].state, FetchState::kPending);
  LetGo();
  ASSERT_TRUE(AwaitEnds(2).ok());
  ExpectArrived(0);
  EXPECT_TRUE(Await([] { return PinnedKib() == 0; }));
}

}  // namespace
}  // namespace foregate
