// The cache of packed containers, with real models and real files.
#include "engine/model/container/container_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/model/decoder_harness.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

namespace fs = std::filesystem;

class ContainerCacheTest : public testing::Test {
 protected:
  ContainerCacheTest() : backend_(MakeRefBackend()) {
    std::string folder = testing::TempDir() + "/cache.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    model_ = folder_ + "/model";
    cache_ = folder_ + "/cache";
    fs::copy("tests/data/models/qwen3_moe", model_);
    fs::create_directory(cache_);
  }
  ~ContainerCacheTest() override { fs::remove_all(folder_); }

  struct Loaded {
    std::vector<std::vector<float>> logits;
    uint64_t identity[2];
    uint64_t bytes_read = 0;
    size_t num_slots = 0;                // of experts
    uint64_t expert_bytes_demanded = 0;  // read while it ran
    std::vector<std::string> notices;
  };
  Loaded Load(const std::string& weights = "int4", ExpertMemory expert_memory = {}, bool use_cache = true) {
    Loaded loaded;
    LoadOptions options{.directory = model_, .weights = *WeightRules::ForAll(weights)};
    options.expert_memory = expert_memory;
    options.progress = [&](uint64_t done, uint64_t) { loaded.bytes_read = done; };
    if (use_cache) options.cache_directory = cache_;
    options.notice = [&](const std::string& text) { loaded.notices.push_back(text); };
    DecoderHarness harness(options, backend_);
    loaded.logits = harness.RunInChunks(0, {5, 17, 300, 2, 99}, 5);
    std::copy_n(harness.decoder().info().identity, 2, loaded.identity);
    const ExpertTier tier = harness.decoder().expert_tier();
    loaded.num_slots = tier.num_slots;
    if (tier.store != nullptr) loaded.expert_bytes_demanded = tier.store->bytes_read[0];
    return loaded;
  }
  std::vector<fs::path> Containers() const {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(cache_))
      if (entry.path().extension() == ".fgw") paths.push_back(entry.path());
    return paths;
  }
  static void ExpectEqual(const Loaded& a, const Loaded& b) {
    EXPECT_EQ(a.logits, b.logits);
    EXPECT_EQ(a.identity[0], b.identity[0]);
    EXPECT_EQ(a.identity[1], b.identity[1]);
  }

  std::string folder_, model_, cache_;
  Backend backend_;
};

TEST_F(ContainerCacheTest, TheSecondStartReadsTheContainerAndGivesTheSameBits) {
  const Loaded plain = Load("int4", {}, /*use_cache=*/false);
  const Loaded first = Load();
  ASSERT_EQ(Containers().size(), 1u);
  const Loaded second = Load();
  ExpectEqual(first, plain);
  ExpectEqual(second, plain);
  EXPECT_LT(second.bytes_read, first.bytes_read);
  EXPECT_TRUE(first.notices.empty() && second.notices.empty());
  // With fewer slots than experts the blocks go to the host store.
  ExpectEqual(Load("int4", {.num_slots = 2}), plain);
  EXPECT_EQ(Containers().size(), 1u);
}

TEST_F(ContainerCacheTest, ExpertsThatDoNotFitAreReadFromTheContainer) {
  const Loaded plain = Load("int4", {}, /*use_cache=*/false);
  const uint64_t expert_bytes = 3 * 4096;  // gate, up and down of 48 x 64 in 4 bits
  // The first start packs, though nothing of the container would be needed otherwise; the second finds it.
  for (const uint64_t num_slots : {2, 2, 5, 23}) {
    const Loaded loaded = Load("int4", {.num_bytes = num_slots * expert_bytes});
    ExpectEqual(loaded, plain);
    EXPECT_TRUE(loaded.notices.empty());
    EXPECT_EQ(loaded.num_slots, num_slots);
    EXPECT_GT(loaded.expert_bytes_demanded, 0u);
  }
  EXPECT_EQ(plain.num_slots, 24u);
  EXPECT_EQ(Containers().size(), 1u);
}

TEST_F(ContainerCacheTest, ExpertsThatDoNotFitNeedAContainer) {
  LoadOptions options{.directory = model_, .expert_memory = {.num_bytes = 100000}};
  EXPECT_TRUE(PlanModel(options)->reads_container);
  const auto expect_refused = [&](const std::string& why) {
    const auto decoder = LoadDecoder(options, backend_);
    EXPECT_EQ(decoder.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(decoder.status().message().find("experts take 589824 bytes, expert memory has room for 98304"),
              std::string::npos)
        << decoder.status();
    EXPECT_NE(decoder.status().message().find(why), std::string::npos) << decoder.status();
  };
  expect_refused("name a directory for one");
  options.cache_directory = folder_ + "/nowhere";
  expect_refused("nowhere");
  options.expert_memory.num_bytes = 1000;
  EXPECT_EQ(LoadDecoder(options, backend_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ContainerCacheTest, FormatsLiveSideBySide) {
  Load("int4");
  Load("int8");
  const Loaded stored = Load("stored");
  EXPECT_EQ(Containers().size(), 3u);
  ExpectEqual(Load("stored"), stored);
}

TEST_F(ContainerCacheTest, ADamagedContainerIsPackedAgain) {
  const Loaded first = Load();
  const fs::path path = Containers().at(0);
  fs::resize_file(path, fs::file_size(path) - 1);
  Loaded again = Load();
  ExpectEqual(again, first);
  ASSERT_EQ(again.notices.size(), 1u);
  EXPECT_NE(again.notices[0].find("truncated"), std::string::npos) << again.notices[0];
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) - 100));
    file.write("damage", 6);
  }
  again = Load();
  ExpectEqual(again, first);
  ASSERT_EQ(again.notices.size(), 1u);
  EXPECT_NE(again.notices[0].find("checksum"), std::string::npos) << again.notices[0];
  EXPECT_TRUE(Load().notices.empty());
}

TEST_F(ContainerCacheTest, OneOfAnEarlierVersionIsPackedAgain) {
  const Loaded first = Load();
  std::fstream(Containers().at(0), std::ios::in | std::ios::out | std::ios::binary).seekp(8).put(2);
  const Loaded again = Load();
  ExpectEqual(again, first);
  ASSERT_EQ(again.notices.size(), 1u);
  EXPECT_NE(again.notices[0].find("container version 2"), std::string::npos) << again.notices[0];
  EXPECT_TRUE(Load().notices.empty());
}

TEST_F(ContainerCacheTest, AChangedModelMakesItStale) {
  Load();
  // Another model of the same shapes in the same place.
  fs::remove(model_ + "/model.safetensors");
  std::fstream(model_ + "/model.safetensors", std::ios::out | std::ios::binary)
      << std::ifstream("tests/data/models/qwen3_moe/model.safetensors", std::ios::binary).rdbuf();
  {
    std::fstream file(model_ + "/model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4000, std::ios::end);
    file.write("\x01\x3c\x02\x3c", 4);
  }
  const Loaded changed = Load();
  ASSERT_EQ(changed.notices.size(), 1u);
  EXPECT_NE(changed.notices[0].find("packed from other files"), std::string::npos) << changed.notices[0];
  ExpectEqual(changed, Load("int4", {}, /*use_cache=*/false));
  EXPECT_EQ(Containers().size(), 1u);
  EXPECT_TRUE(Load().notices.empty());
}

TEST_F(ContainerCacheTest, AnUnusableCacheIsToldAndDoesNoHarm) {
  const Loaded plain = Load("int4", {}, /*use_cache=*/false);
  cache_ = folder_ + "/there/is/none";
  const Loaded loaded = Load();
  ExpectEqual(loaded, plain);
  ASSERT_EQ(loaded.notices.size(), 1u);
  EXPECT_NE(loaded.notices[0].find("no container is kept"), std::string::npos);
}

TEST_F(ContainerCacheTest, ADiskThatFillsUpDoesNoHarm) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const Loaded plain = Load("int4", {}, /*use_cache=*/false);
  Load();
  const fs::path path = Containers().at(0);
  fs::remove(path);
  fs::create_symlink("/dev/full", path.string() + ".tmp");
  const Loaded loaded = Load();
  ExpectEqual(loaded, plain);
  ASSERT_EQ(loaded.notices.size(), 1u);
  EXPECT_NE(loaded.notices[0].find("No space left"), std::string::npos) << loaded.notices[0];
  EXPECT_TRUE(Containers().empty());
}

TEST_F(ContainerCacheTest, OfTwoThatStartTogetherOnePacks) {
  Loaded a, b;
  std::thread other([&] { b = Load(); });
  a = Load();
  other.join();
  ExpectEqual(a, b);
  EXPECT_EQ(Containers().size(), 1u);
  EXPECT_TRUE(a.notices.empty() && b.notices.empty());
  EXPECT_NE(a.bytes_read, b.bytes_read) << "both packed, or neither did";
}

TEST(ContainerLockTest, WaitingCanBeCancelled) {
  const std::string path = testing::TempDir() + "/lock-test.fgw";
  const auto held = ContainerLock::Acquire(path, nullptr);
  ASSERT_TRUE(held.ok()) << held.status();
  const std::atomic<bool> cancelled = true;
  EXPECT_EQ(ContainerLock::Acquire(path, &cancelled).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace foregate
