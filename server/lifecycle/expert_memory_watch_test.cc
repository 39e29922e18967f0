#include "server/lifecycle/expert_memory_watch.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "server/lifecycle/waiting_engine.h"

namespace foregate {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr std::chrono::microseconds kElapsed(100'000);

// A group of 2560 MiB, of which 10 should stay free, around a model whose experts take 640 to 40 of them.
class ExpertMemoryWatchTest : public testing::Test {
 protected:
  ExpertMemoryWatchTest()
      : root_(testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    Write("/proc/meminfo", "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB\n");
    Write("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    Write("/proc/self/cgroup", "0::/pod\n");
    Write("/sys/fs/cgroup/pod/memory.max", std::to_string(2560 * kMiB) + "\n");
    SetFree(100);
    cache_.memory_bytes = 640 * kMiB;
  }

  void Write(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path + ".new") << content;
    std::filesystem::rename(root_ + path + ".new", root_ + path);  // a reader sees all of it
  }
  void SetFree(uint64_t mib) const {
    Write("/sys/fs/cgroup/pod/memory.current", std::to_string((2560 - mib) * kMiB) + "\n");
  }
  void Serve(const ExpertCacheCounters* cache) {
    auto model = std::make_shared<ServedModel>();
    auto engine = std::make_unique<WaitingEngine>();
    engine->set_expert_tier(
        {.num_experts = 64, .num_slots = 32, .slot_bytes = 640 * kMiB, .least_slot_bytes = 40 * kMiB, .cache = cache});
    engine_ = engine.get();
    model->engine = std::move(engine);
    state_.SetReady(std::move(model));
  }

  const std::string root_;
  ServingState state_{"mini"};
  ExpertCacheCounters cache_;
  WaitingEngine* engine_ = nullptr;
};

TEST_F(ExpertMemoryWatchTest, ExpertsGiveBackWhatIsMissingAndTakeItAgain) {
  ExpertMemoryWatch watch(&state_, root_);
  watch.Look(kElapsed);  // without a model
  Serve(&cache_);
  for (int i = 0; i < 10; ++i) watch.Look(kElapsed);
  EXPECT_EQ(engine_->expert_memory_limit(), 0u) << "there is enough";
  // Own growth is no neighbour's, so what matters is what is free.
  SetFree(0);
  watch.Look(kElapsed);
  const uint64_t less = engine_->expert_memory_limit();
  EXPECT_GT(less, 40 * kMiB);
  EXPECT_LE(less, 630 * kMiB);
  cache_.memory_bytes = less;
  SetFree(1000);
  for (int i = 0; i <= kCalmSamples; ++i) watch.Look(kElapsed);
  EXPECT_GT(engine_->expert_memory_limit(), less);
  EXPECT_LE(engine_->expert_memory_limit(), 640 * kMiB);
}

TEST_F(ExpertMemoryWatchTest, NothingIsTakenFromAModelWhoseExpertsAllStay) {
  ExpertMemoryWatch watch(&state_, root_);
  Serve(nullptr);
  SetFree(0);
  for (int i = 0; i < 10; ++i) watch.Look(kElapsed);
  EXPECT_EQ(engine_->expert_memory_limit(), 0u);
}

TEST_F(ExpertMemoryWatchTest, ItsThreadLooks) {
  Serve(&cache_);
  SetFree(0);
  ExpertMemoryWatch watch(&state_, root_);
  watch.Start();
  for (int i = 0; i < 1000 && engine_->expert_memory_limit() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GT(engine_->expert_memory_limit(), 0u);
}

}  // namespace
}  // namespace foregate
