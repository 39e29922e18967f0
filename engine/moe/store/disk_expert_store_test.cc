// The store and the cache above it, on a real file, with faults.
#include "engine/moe/store/disk_expert_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/left_behind.h"
#include "engine/moe/store/expert_file.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

constexpr auto kForever = std::chrono::steady_clock::time_point::max();
constexpr size_t kPage = kExpertAlignment;

class DiskExpertStoreTest : public testing::Test {
 protected:
  DiskExpertStoreTest() : backend_(MakeRefBackend()), stream_(backend_.device->NewStream()) {}

  void Open(size_t num_slots, FileRead read = {}, int num_readers = 3) {
    const DiskStoreOptions options{.max_fetches = num_slots,
                                   .shape = ReadShape{.piece_bytes = kPage, .depth = num_readers},
                                   .uses_uring = uses_uring_,
                                   .read = std::move(read),
                                   .stop_grace = std::chrono::milliseconds(stop_grace_ms_)};
    cache_ = nullptr;
    store_ = *DiskExpertStore::Open(directory_, stored_, options);
    cache_ = *ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), store_.get(),
                                  EvictFarthestExpectedUse, *backend_.device);
    store_->Start(cache_->slot_memory());
  }
  // Reads the file, unless `fault` gives an error or changes the bytes.
  FileRead WithFault(std::function<absl::Status(uint64_t offset, std::span<std::byte> bytes)> fault) {
    return [this, fault = std::move(fault)](uint64_t offset, std::span<std::byte> bytes) {
      std::ifstream file(stored_.path, std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      return fault(offset, bytes);
    };
  }
  absl::Status WaitUntilEnded(const ExpertLease& lease, std::chrono::steady_clock::time_point deadline = kForever) {
    while (true) {
      const uint64_t seen = cache_->num_ended();
      if (lease.has_ended()) return lease.status();
      if (absl::Status waited = cache_->WaitForArrival(seen, deadline); !waited.ok()) return waited;
    }
  }
  static void ExpectBytes(const ExpertLease& lease, size_t expert) {
    const ExpertWeights weights = lease.weights();
    size_t part = 0;
    for (const WeightMatrix& matrix : {weights.gate, weights.up, weights.down}) {
      const auto* bytes = static_cast<const char*>(matrix.data);
      EXPECT_EQ(bytes[0], ExpertFile::FillOf(expert, part));
      EXPECT_EQ(bytes[40 * 32 * 4 - 1], ExpertFile::FillOf(expert, part));
      ++part;
    }
  }

  Backend backend_;
  std::unique_ptr<Stream> stream_;
  const ExpertFile file_{testing::TempDir()};
  const ExpertDirectory& directory_ = file_.directory();
  const StoredExperts& stored_ = file_.stored();
  bool uses_uring_ = true;
  int stop_grace_ms_ = 3000;
  std::unique_ptr<DiskExpertStore> store_;
  std::unique_ptr<ExpertCache> cache_;
};

// With io_uring, or by threads. A file that was just written is in the page cache, where no reader of the ring reads.
class EveryReader : public DiskExpertStoreTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    uses_uring_ = GetParam();
    if (uses_uring_ && !file_.LeavePageCache()) GTEST_SKIP() << "no direct I/O here";
    Open(6);
    if (uses_uring_ && store_->description().find("with io_uring") == std::string::npos)
      GTEST_SKIP() << store_->description();
  }
};

TEST_P(EveryReader, GivesEveryExpertWhole) {
  Open(3);
  EXPECT_NE(store_->description().find(stored_.path), std::string::npos);
  EXPECT_EQ(store_->file(), stored_.path);
  for (size_t i = 0; i < 20; ++i) {
    const size_t expert = i * 3 % directory_.size();
    const auto lease = cache_->Acquire(directory_.key(expert), *stream_);
    ASSERT_TRUE(lease.ok()) << lease.status();
    ASSERT_TRUE(WaitUntilEnded(*lease).ok());
    EXPECT_EQ(cache_->state(directory_.key(expert)), ExpertState::kPinned);
    ExpectBytes(*lease, expert);
  }
  const auto& bytes_read = store_->counters()->bytes_read;
  EXPECT_EQ(bytes_read[0], cache_->counters().num_misses * 3 * 2 * kPage);
  EXPECT_EQ(bytes_read[2], 0u);
}

// Memory that is given back and taken again lies in other pages, which a reader must not miss.
TEST_P(EveryReader, FollowsMemoryThatGoesAndComes) {
  const uint64_t slot_bytes = 6 * kPage;
  for (size_t i = 0; i < 120; ++i) {
    if (i % 10 == 0) {
      ASSERT_TRUE(cache_->Resize((i % 20 == 0 ? 2 : 6) * slot_bytes));
    }
    const size_t expert = i * 5 % directory_.size();
    const auto lease = cache_->Acquire(directory_.key(expert), *stream_);
    ASSERT_TRUE(lease.ok()) << lease.status();
    const absl::Status arrived = WaitUntilEnded(*lease);
    ASSERT_TRUE(arrived.ok()) << arrived;
    ExpectBytes(*lease, expert);
  }
  EXPECT_EQ(store_->counters()->num_retries, 0u) << "checksums were wrong at first";
}

INSTANTIATE_TEST_SUITE_P(Store, EveryReader, testing::Bool(),
                         [](const auto& test) { return test.param ? "Uring" : "Threads"; });

TEST_F(DiskExpertStoreTest, StatesFollowTheTable) {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
  Open(2, WithFault([&](uint64_t, std::span<std::byte>) {
         std::unique_lock lock(mutex);
         changed.wait(lock, [&] { return is_open; });
         return absl::OkStatus();
       }));
  const ExpertKey key{1, 2}, other{4, 0};
  {
    const auto lease = cache_->Acquire(key, *stream_);
    EXPECT_EQ(cache_->state(key), ExpertState::kLoading);
    EXPECT_FALSE(lease->has_ended());
    const auto late = WaitUntilEnded(*lease, std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded);
  }
  // Not leased any more, but the store still writes there: both slots are being filled.
  EXPECT_EQ(cache_->state(key), ExpertState::kLoading);
  const auto second = cache_->Acquire(other, *stream_);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(cache_->Acquire({4, 1}, *stream_).status().code(), absl::StatusCode::kResourceExhausted);
  {
    const std::lock_guard lock(mutex);
    is_open = true;
  }
  changed.notify_all();
  ASSERT_TRUE(WaitUntilEnded(*second).ok());
  const auto lease = cache_->Acquire(key, *stream_);
  ASSERT_TRUE(WaitUntilEnded(*lease).ok());
  EXPECT_EQ(cache_->state(key), ExpertState::kPinned);
  ExpectBytes(*lease, directory_.index(key));
  EXPECT_EQ(cache_->counters().num_misses, 2u);
  EXPECT_EQ(cache_->counters().num_late + cache_->counters().num_hits, 1u);
}

TEST_F(DiskExpertStoreTest, WhatIsBeingReadIsGivenBackLater) {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
  int num_waiting = 0;
  Open(4, WithFault([&](uint64_t, std::span<std::byte>) {
         std::unique_lock lock(mutex);
         ++num_waiting;
         changed.notify_all();
         changed.wait(lock, [&] { return is_open; });
         return absl::OkStatus();
       }));
  {
    std::vector<ExpertLease> leases;
    for (const int32_t expert : {0, 1, 2}) leases.push_back(*cache_->Acquire({1, expert}, *stream_));
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return num_waiting == 3; });  // of the first expert
  }
  // The others have not begun, and nobody waits for them any more.
  ASSERT_TRUE(cache_->Resize(2 * 6 * kPage));
  EXPECT_EQ(cache_->board().layers()[0].num_evictions, 0u);
  EXPECT_EQ(cache_->state({1, 0}), ExpertState::kLoading);
  const auto again = cache_->Acquire({1, 0}, *stream_);
  {
    const std::lock_guard lock(mutex);
    is_open = true;
  }
  changed.notify_all();
  EXPECT_TRUE(WaitUntilEnded(*again).ok());
  ExpectBytes(*again, 0);
}

TEST_F(DiskExpertStoreTest, APassingErrorIsReadAgain) {
  std::atomic<int> num_faults{2};
  Open(2, WithFault([&](uint64_t, std::span<std::byte>) {
         return num_faults.fetch_sub(1) > 0 ? absl::UnavailableError("input/output error") : absl::OkStatus();
       }));
  const auto lease = cache_->Acquire({1, 3}, *stream_);
  EXPECT_TRUE(WaitUntilEnded(*lease).ok());
  ExpectBytes(*lease, 3);
  EXPECT_EQ(store_->counters()->num_retries, 2u);
  EXPECT_EQ(store_->counters()->num_failed, 0u);
}

TEST_F(DiskExpertStoreTest, ALastingErrorFailsThatExpertAlone) {
  const uint64_t broken = stored_.experts[3][1].file_offset;
  std::atomic<bool> is_broken{true};
  Open(2, WithFault([&](uint64_t offset, std::span<std::byte>) {
         return is_broken && offset == broken ? absl::UnavailableError("input/output error") : absl::OkStatus();
       }));
  {
    const auto lease = cache_->Acquire({1, 3}, *stream_);
    const auto good = cache_->Acquire({4, 3}, *stream_);
    const absl::Status status = WaitUntilEnded(*lease);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_NE(status.message().find("layer 1 expert 3: input/output error"), std::string::npos) << status;
    EXPECT_TRUE(WaitUntilEnded(*good).ok());
    ExpectBytes(*good, 7);
  }
  EXPECT_EQ(cache_->state({1, 3}), ExpertState::kAbsent);
  EXPECT_EQ(store_->counters()->num_failed, 1u);
  // The disk is whole again.
  is_broken = false;
  const auto lease = cache_->Acquire({1, 3}, *stream_);
  EXPECT_TRUE(WaitUntilEnded(*lease).ok());
  ExpectBytes(*lease, 3);
}

TEST_F(DiskExpertStoreTest, WrongBytesNeverArrive) {
  const uint64_t damaged = stored_.experts[5][2].file_offset + kPage;
  {
    std::fstream file(stored_.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(damaged)).put('!');
  }
  Open(2);
  const auto lease = cache_->Acquire({4, 1}, *stream_);
  const absl::Status status = WaitUntilEnded(*lease);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("layer 4 expert 1: "), std::string::npos) << status;
  EXPECT_NE(status.message().find("checksum"), std::string::npos) << status;
  EXPECT_EQ(store_->counters()->num_retries, 3u);
}

TEST_F(DiskExpertStoreTest, BytesThatWereWrongOnceAreReadAgain) {
  std::atomic<bool> is_damaged{true};
  Open(2, WithFault([&](uint64_t, std::span<std::byte> bytes) {
         if (is_damaged.exchange(false)) bytes[17] = std::byte{0xff};
         return absl::OkStatus();
       }));
  const auto lease = cache_->Acquire({4, 1}, *stream_);
  EXPECT_TRUE(WaitUntilEnded(*lease).ok());
  ExpectBytes(*lease, 5);
  EXPECT_EQ(store_->counters()->num_retries, 1u);
}

TEST_F(DiskExpertStoreTest, AFileThatShrankIsDataLoss) {
  Open(2);
  std::filesystem::resize_file(stored_.path, stored_.experts[7][1].file_offset);
  const auto lease = cache_->Acquire({4, 3}, *stream_);
  const absl::Status status = WaitUntilEnded(*lease);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(stored_.path), std::string::npos) << status;
}

TEST_F(DiskExpertStoreTest, PartsBeyondTheFileAreRefused) {
  std::filesystem::resize_file(stored_.path, stored_.experts[7][2].file_offset);
  const auto store = DiskExpertStore::Open(directory_, stored_, {});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(store.status().message().find("layer 4 expert 3"), std::string::npos) << store.status();
}

// One reader, held at its first piece: what is queued behind it is known.
TEST_F(DiskExpertStoreTest, DemandsOvertakeGuessesAndGuessesAreCancelled) {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_held = false, is_open = false;
  std::vector<uint64_t> order;
  Open(5, WithFault([&](uint64_t offset, std::span<std::byte>) {
         std::unique_lock lock(mutex);
         order.push_back(offset);
         is_held = true;
         changed.notify_all();
         changed.wait(lock, [&] { return is_open; });
         return absl::OkStatus();
       }),
       1);
  ASSERT_TRUE(*cache_->Prefetch({1, 0}, FetchClass::kSpeculative, 0.9f, *stream_));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_held; });
  }
  ASSERT_TRUE(*cache_->Prefetch({1, 1}, FetchClass::kSpeculative, 0.9f, *stream_));
  ASSERT_TRUE(*cache_->Prefetch({1, 2}, FetchClass::kSpeculative, 0.9f, *stream_));
  ASSERT_TRUE(*cache_->Prefetch({1, 3}, FetchClass::kCommitted, 1, *stream_));
  const auto demand = cache_->Acquire({4, 0}, *stream_);
  // No slot is free: the guess that has not begun gives up its own, the one that has does not.
  const auto other = cache_->Acquire({4, 1}, *stream_);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(cache_->state({1, 0}), ExpertState::kLoading);
  EXPECT_EQ(cache_->state({1, 1}), ExpertState::kAbsent);
  // A guess that comes true is a demand.
  const auto wanted = cache_->Acquire({1, 2}, *stream_);
  {
    const std::lock_guard lock(mutex);
    is_open = true;
  }
  changed.notify_all();
  for (const auto* lease : {&*demand, &*other, &*wanted}) EXPECT_TRUE(WaitUntilEnded(*lease).ok());
  const auto committed = cache_->Acquire({1, 3}, *stream_);
  EXPECT_TRUE(WaitUntilEnded(*committed).ok());
  const auto guess = cache_->Acquire({1, 0}, *stream_);
  EXPECT_TRUE(WaitUntilEnded(*guess).ok());
  std::vector<size_t> experts;  // in the order of their last pieces
  for (const uint64_t offset : order) {
    const size_t expert = (offset - kPage) / (6 * kPage);
    std::erase(experts, expert);
    experts.push_back(expert);
  }
  EXPECT_EQ(experts, (std::vector<size_t>{4, 5, 2, 3, 0}));
  EXPECT_EQ(store_->counters()->silent_since_us, 0) << "nothing is pending any more";
}

uint64_t CountOf(const Histogram& histogram) {
  uint64_t count = 0;
  for (size_t i = 0; i <= histogram.bounds().size(); ++i) count += histogram.bucket_count(i);
  return count;
}

TEST_F(DiskExpertStoreTest, TheQueueShowsWhatIsPendingAndWhatArrived) {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_held = false, is_open = false;
  Open(5, WithFault([&](uint64_t, std::span<std::byte>) {
         std::unique_lock lock(mutex);
         is_held = true;
         changed.notify_all();
         changed.wait(lock, [&] { return is_open; });
         return absl::OkStatus();
       }),
       1);
  const FetchCounters& counters = *store_->counters();
  const auto expect_pending = [&](std::array<uint32_t, 3> pending, std::array<uint32_t, 3> out) {
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(counters.num_pending[i], pending[i]) << i;
      EXPECT_EQ(counters.num_pieces_out[i], out[i]) << i;
    }
  };
  for (const int32_t expert : {0, 1, 2}) {
    ASSERT_TRUE(*cache_->Prefetch({1, expert}, FetchClass::kSpeculative, 0.9f, *stream_));
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_held; });
  }
  ASSERT_TRUE(*cache_->Prefetch({1, 3}, FetchClass::kCommitted, 1, *stream_));
  expect_pending({0, 1, 3}, {0, 0, 1});
  EXPECT_EQ(cache_->board().States()[0], ExpertState::kLoading);
  std::vector<ExpertLease> leases;
  for (const ExpertKey key : {ExpertKey{4, 0}, {1, 1}}) leases.push_back(*cache_->Acquire(key, *stream_));
  expect_pending({2, 1, 2}, {0, 0, 1});
  // No slot is free: a guess that has not begun is given up.
  leases.push_back(*cache_->Acquire({4, 1}, *stream_));
  expect_pending({3, 1, 1}, {0, 0, 1});
  {
    const std::lock_guard lock(mutex);
    is_open = true;
  }
  changed.notify_all();
  for (const ExpertKey key : {ExpertKey{1, 0}, {1, 3}})
    while (cache_->state(key) == ExpertState::kLoading) std::this_thread::yield();
  for (const ExpertLease& lease : leases) EXPECT_TRUE(WaitUntilEnded(lease).ok());
  expect_pending({0, 0, 0}, {0, 0, 0});
  EXPECT_EQ(CountOf(counters.expert_seconds[0]), 3u);
  EXPECT_EQ(CountOf(counters.expert_seconds[1]), 1u);
  EXPECT_EQ(CountOf(counters.expert_seconds[2]), 1u);
  EXPECT_EQ(CountOf(counters.piece_seconds), 5u * 6);
}

TEST_F(DiskExpertStoreTest, AWaitCountsForTheClassInWhichItsExpertBegan) {
  Open(2, WithFault([](uint64_t, std::span<std::byte>) {
         std::this_thread::sleep_for(std::chrono::milliseconds(1));
         return absl::OkStatus();
       }),
       1);
  const auto& wait_us = store_->counters()->wait_us;
  // Once is enough, unless this thread was held up for longer than the read took.
  for (int32_t i = 0; wait_us[2] == 0 && i < 100; ++i) {
    const ExpertKey key{1, i % 4};
    ASSERT_TRUE(cache_->Prefetch(key, FetchClass::kSpeculative, 1, *stream_).ok());
    ASSERT_TRUE(WaitUntilEnded(*cache_->Acquire(key, *stream_)).ok());
  }
  EXPECT_GT(wait_us[2], 0u);
  EXPECT_EQ(wait_us[0], 0u);
  for (int32_t i = 0; wait_us[0] == 0 && i < 100; ++i)
    ASSERT_TRUE(WaitUntilEnded(*cache_->Acquire({4, i % 4}, *stream_)).ok());
  EXPECT_GT(wait_us[0], 0u);
  EXPECT_EQ(wait_us[1], 0u);
}

TEST_F(DiskExpertStoreTest, AGuessEvictsOnlyWhatIsWorthLess) {
  Open(2);
  // Both residents are wanted at every visit of their layer.
  for (int visit = 0; visit < 30; ++visit) {
    const int32_t experts[] = {0, 1};
    cache_->Visit(1, 1, experts);
    for (const int32_t expert : experts) ASSERT_TRUE(WaitUntilEnded(*cache_->Acquire({1, expert}, *stream_)).ok());
  }
  EXPECT_FALSE(*cache_->Prefetch({4, 2}, FetchClass::kSpeculative, 0.05f, *stream_));
  EXPECT_EQ(cache_->state({1, 0}), ExpertState::kResident);
  EXPECT_TRUE(*cache_->Prefetch({4, 2}, FetchClass::kCommitted, 1, *stream_));
  const auto lease = cache_->Acquire({4, 2}, *stream_);
  EXPECT_TRUE(WaitUntilEnded(*lease).ok());
  EXPECT_EQ(cache_->counters().num_prefetched, 1u);
  EXPECT_EQ(cache_->counters().num_prefetched_used, 1u);
}

TEST(FetchCounters, SilenceLastsFromTheLastAnswerOn) {
  const auto at = [](int64_t us) { return std::chrono::steady_clock::time_point(std::chrono::microseconds(us)); };
  FetchCounters counters;
  EXPECT_EQ(counters.SilentFor(at(1000)).count(), 0) << "nothing is pending";
  counters.silent_since_us = 400;
  EXPECT_EQ(counters.SilentFor(at(1000)).count(), 600);
  EXPECT_EQ(counters.SilentFor(at(300)).count(), 0) << "an answer came after the clock was read";
}

// What the disk owes and to whom is seen from outside, and a read that hangs outlives cache and store: the sanitizers
// see it write to memory that is still there.
TEST_F(DiskExpertStoreTest, AReadThatHangsIsLeftBehind) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false;
    int num_waiting = 0;
  };
  const auto gate = std::make_shared<Gate>();
  stop_grace_ms_ = 5;
  // Not WithFault: the reader outlives this test.
  Open(2, [gate](uint64_t, std::span<std::byte> bytes) {
    std::unique_lock lock(gate->mutex);
    ++gate->num_waiting;
    gate->changed.notify_all();
    gate->changed.wait(lock, [&] { return gate->is_open; });
    std::fill(bytes.begin(), bytes.end(), std::byte{7});
    --gate->num_waiting;
    gate->changed.notify_all();
    return absl::OkStatus();
  });
  EXPECT_EQ(store_->counters()->silent_since_us, 0);
  EXPECT_EQ(store_->counters()->SilentFor(std::chrono::steady_clock::now()).count(), 0);
  ASSERT_TRUE(cache_->Acquire({1, 2}, *stream_).ok());
  EXPECT_NE(store_->counters()->silent_since_us, 0);
  std::unique_lock lock(gate->mutex);
  gate->changed.wait(lock, [&] { return gate->num_waiting == 3; });
  lock.unlock();
  const size_t num_before = NumLeftBehind();
  cache_ = nullptr;
  store_ = nullptr;
  EXPECT_EQ(NumLeftBehind(), num_before + 2) << "slots, and what reads them";
  lock.lock();
  gate->is_open = true;
  gate->changed.notify_all();
  gate->changed.wait(lock, [&] { return gate->num_waiting == 0; });
}

// Whatever is asked for, in whatever order, under delays and errors: an expert that arrives has its own bytes.
TEST_F(DiskExpertStoreTest, RandomTrafficNeverMixesExperts) {
  std::atomic<uint32_t> count{0};
  Open(4, WithFault([&](uint64_t, std::span<std::byte> bytes) {
         const uint32_t turn = count.fetch_add(1);
         if (turn % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
         if (turn % 101 == 0) bytes[0] = std::byte{0};
         return turn % 53 == 0 ? absl::UnavailableError("input/output error") : absl::OkStatus();
       }),
       4);
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    std::set<size_t> experts;
    while (experts.size() < 2) experts.insert(random() % directory_.size());
    std::vector<std::pair<size_t, ExpertLease>> leases;
    for (const size_t expert : experts) {
      absl::StatusOr<ExpertLease> lease = cache_->Acquire(directory_.key(expert), *stream_);
      if (!lease.ok()) {
        ASSERT_TRUE(absl::IsResourceExhausted(lease.status()));
        continue;
      }
      leases.emplace_back(expert, *std::move(lease));
    }
    const auto guess = cache_->Prefetch(directory_.key(random() % directory_.size()), FetchClass::kSpeculative,
                                        static_cast<float>(random() % 100) / 100, *stream_);
    ASSERT_TRUE(guess.ok());
    for (const auto& [expert, lease] : leases) {
      if (WaitUntilEnded(lease).ok()) ExpectBytes(lease, expert);
    }
  }
  cache_ = nullptr;  // with guesses still under way
}

}  // namespace
}  // namespace foregate
