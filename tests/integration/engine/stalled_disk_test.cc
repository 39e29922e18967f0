// A disk that stops answering, under a whole engine: it ends the requests that need it, nothing else, and nothing
// hangs.
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "engine/host/clock.h"
#include "engine/model/load_model.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/fakes/recording_sink.h"
#include "tests/integration/engine/traffic.h"

namespace foregate {
namespace {

// Reads the container, unless it is held.
class GatedDisk {
 public:
  explicit GatedDisk(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Read(uint64_t offset, std::span<std::byte> bytes) {
    std::unique_lock lock(mutex_);
    if (is_held_ && on_held_ != nullptr) {
      const auto on_held = std::exchange(on_held_, nullptr);
      lock.unlock();
      on_held();
      lock.lock();
    }
    changed_.wait(lock, [&] { return !is_held_; });
    if (path_.empty()) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_))
        if (entry.path().extension() == ".fgw") path_ = entry.path();
    }
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return file ? absl::OkStatus() : absl::DataLossError("cannot read " + path_);
  }
  // `on_held` is called once, by the first reader that has to wait.
  void Hold(std::function<void()> on_held = nullptr) {
    const std::lock_guard lock(mutex_);
    is_held_ = true;
    on_held_ = std::move(on_held);
  }
  void LetGo() {
    {
      const std::lock_guard lock(mutex_);
      is_held_ = false;
    }
    changed_.notify_all();
  }

 private:
  const std::string folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_held_ = false;           // guarded by mutex_
  std::function<void()> on_held_;  // guarded by mutex_
  std::string path_;               // guarded by mutex_
};

GenerationRequest Request(const std::string& id, std::vector<int32_t> prompt) {
  GenerationRequest request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.max_tokens = 6;
  request.sampling.temperature = 0;
  return request;
}

// OLMoE's golden checkpoint in two slots: every layer of every step reads.
class StalledDiskTest : public testing::Test {
 protected:
  StalledDiskTest() : folder_(testing::TempDir() + "/stalled_disk"), disk_(folder_) {
    std::filesystem::create_directories(folder_);
    auto backend = MakeCpuBackend({.num_threads = 1, .isa = ""});
    EXPECT_TRUE(backend.ok()) << backend.status();
    backend_ = std::make_unique<Backend>(*std::move(backend));
  }
  ~StalledDiskTest() override {
    disk_.LetGo();
    loop_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Start(int64_t step_wait_timeout_us) {
    EngineVariant variant = RoomyVariant();
    variant.options.step_wait_timeout_us = step_wait_timeout_us;
    const LoadOptions memory{.directory = "tests/data/models/olmoe"};
    const auto plan = PlanModel(memory);
    ASSERT_TRUE(plan.ok()) << plan.status();
    auto decoder = LoadDecoder(
        {.directory = memory.directory,
         .max_batch_tokens = variant.options.max_batch_tokens,
         .max_sequences = variant.options.max_running_requests,
         .max_sequence_tokens = variant.options.max_sequence_tokens,
         .expert_memory = {.num_bytes = plan->memory.all_expert_bytes / plan->memory.num_experts * 2},
         .expert_read = [this](uint64_t offset, std::span<std::byte> bytes) { return disk_.Read(offset, bytes); },
         .cache_directory = folder_},
        *backend_);
    ASSERT_TRUE(decoder.ok()) << decoder.status();
    auto loop = EngineLoop::Create(variant.options, backend_->device.get(), *std::move(decoder), &clock_);
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }
  std::shared_ptr<RecordingSink> Submit(GenerationRequest request) {
    auto sink = std::make_shared<RecordingSink>();
    EXPECT_TRUE(loop_->Submit(std::move(request), sink).ok());
    return sink;
  }
  void RunUntilIdle() {
    for (int step = 0; loop_->Step(); ++step) ASSERT_LT(step, 1000);
  }
  std::vector<int32_t> TokensOf(GenerationRequest request) {
    const auto sink = Submit(std::move(request));
    RunUntilIdle();
    EXPECT_TRUE(sink->status().ok()) << sink->status();
    return sink->tokens(0);
  }

  const std::string folder_;
  GatedDisk disk_;
  const SystemClock clock_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<EngineLoop> loop_;
};

TEST_F(StalledDiskTest, EndsRequestsWithTheReasonAndServesAgain) {
  Start(/*step_wait_timeout_us=*/30'000);
  const std::vector<int32_t> tokens = TokensOf(Request("before", {5, 6, 7, 8}));
  ASSERT_EQ(tokens.size(), 6u);
  disk_.Hold();
  for (const char* id : {"first", "second"}) {
    const auto sink = Submit(Request(id, {5, 6, 7, 8}));
    RunUntilIdle();
    EXPECT_EQ(sink->status().code(), absl::StatusCode::kUnavailable) << sink->status();
    EXPECT_NE(sink->status().message().find("layer 0 expert "), std::string::npos) << sink->status();
    EXPECT_NE(sink->status().message().find("the disk is stalled"), std::string::npos) << sink->status();
  }
  EXPECT_NE(loop_->expert_tier().store->silent_since_us, 0);
  disk_.LetGo();
  EXPECT_EQ(TokensOf(Request("after", {5, 6, 7, 8})), tokens);
}

// No wait has an end of its own here: only a cancellation that is seen in the middle of one lets the disk go on.
TEST_F(StalledDiskTest, ACancelledRequestIsNotWaitedForAndOthersGoOn) {
  Start(/*step_wait_timeout_us=*/int64_t{3600} * 1'000'000);
  const std::vector<int32_t> tokens = TokensOf(Request("alone", {9, 8, 7}));
  const auto cancelled = Submit(Request("cancelled", {1, 2, 3, 4, 5}));
  const auto other = Submit(Request("other", {9, 8, 7}));
  disk_.Hold([&] {
    loop_->mailbox().Cancel("cancelled", absl::CancelledError("gone"));
    while (loop_->mailbox().HasMail()) std::this_thread::yield();
    disk_.LetGo();
  });
  RunUntilIdle();
  EXPECT_EQ(cancelled->status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(other->status().ok()) << other->status();
  EXPECT_EQ(other->tokens(0), tokens);
}

TEST_F(StalledDiskTest, AStepThatNobodyWantsEnds) {
  Start(/*step_wait_timeout_us=*/int64_t{3600} * 1'000'000);
  disk_.Hold([&] { loop_->mailbox().Cancel("cancelled", absl::CancelledError("gone")); });
  const auto cancelled = Submit(Request("cancelled", {1, 2, 3, 4, 5}));
  GenerationRequest hasty = Request("hasty", {9, 8, 7});
  hasty.deadline = clock_.Now() + std::chrono::milliseconds(20);
  const auto expired = Submit(std::move(hasty));
  RunUntilIdle();  // while the disk is held
  EXPECT_EQ(cancelled->status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(expired->status().code(), absl::StatusCode::kDeadlineExceeded);
  disk_.LetGo();
  EXPECT_EQ(TokensOf(Request("next", {9, 8, 7})).size(), 6u);
}

}  // namespace
}  // namespace foregate
