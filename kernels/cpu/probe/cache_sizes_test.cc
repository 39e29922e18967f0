#include "kernels/cpu/probe/cache_sizes.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(CacheSizes, ParsesSizesAsTheSystemWritesThem) {
  EXPECT_EQ(ParseCacheBytes("32K"), 32768);
  EXPECT_EQ(ParseCacheBytes("2M"), 2097152);
  EXPECT_EQ(ParseCacheBytes("512"), 512);
  for (const char* bad : {"", "K", "32k", "-1K", "32KB", " 32K", "99999999999999999999", "9999999999999M"}) {
    EXPECT_FALSE(ParseCacheBytes(bad).has_value()) << bad;
  }
}

TEST(CacheSizes, CountsCpuLists) {
  EXPECT_EQ(CountCpuList("0"), 1);
  EXPECT_EQ(CountCpuList("0-3"), 4);
  EXPECT_EQ(CountCpuList("0-1,64-65,70"), 5);
  for (const char* bad : {"", "x", "3-1", "0-", "-2", "0-99999999999"}) EXPECT_EQ(CountCpuList(bad), 0) << bad;
}

class SysfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ =
        std::string(std::getenv("TEST_TMPDIR")) + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void Add(int index, const char* level, const char* type, const char* size, const char* shared) {
    const std::string folder = root_ + "/index" + std::to_string(index);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/level") << level << "\n";
    std::ofstream(folder + "/type") << type << "\n";
    std::ofstream(folder + "/size") << size << "\n";
    std::ofstream(folder + "/shared_cpu_list") << shared << "\n";
  }
  std::string root_;
};

TEST_F(SysfsTest, ReadsDataAndUnifiedCachesInOrder) {
  Add(0, "3", "Unified", "32768K", "0-7");
  Add(1, "1", "Data", "32K", "0");
  Add(2, "1", "Instruction", "64K", "0");
  Add(3, "2", "Unified", "512K", "0");
  const std::vector<CacheLevel> caches = ReadCacheLevels(root_);
  ASSERT_EQ(caches.size(), 3u);
  EXPECT_EQ(caches[0].level, 1);
  EXPECT_EQ(caches[0].bytes, 32 << 10);
  EXPECT_EQ(caches[1].bytes, 512 << 10);
  EXPECT_EQ(caches[2].bytes, 32 << 20);
  EXPECT_EQ(caches[2].num_sharing, 8);
}

TEST_F(SysfsTest, WhatIsMalformedIsAskedElsewhereOrMissing) {
  Add(0, "1", "Data", "huge", "0");
  Add(1, "nine", "Unified", "32768K", "0-7");
  for (const CacheLevel& cache : ReadCacheLevels(root_)) {
    EXPECT_GT(cache.bytes, 0);
    EXPECT_EQ(cache.num_sharing, 1);  // the C library's answers
  }
}

TEST(CacheSizes, WorkingSetsAreHalfOfAThreadsShare) {
  const std::vector<CacheLevel> caches = {{1, 32 << 10, 1}, {2, 512 << 10, 1}, {3, 32 << 20, 8}};
  EXPECT_EQ(WorkingSetBytes(caches, 1, 1), 16 << 10);
  EXPECT_EQ(WorkingSetBytes(caches, 2, 2), 256 << 10);
  EXPECT_EQ(WorkingSetBytes(caches, 3, 1), 16 << 20);
  EXPECT_EQ(WorkingSetBytes(caches, 3, 2), 8 << 20);
  EXPECT_EQ(WorkingSetBytes(caches, 3, 100), 2 << 20);
  EXPECT_EQ(WorkingSetBytes(caches, 4, 1), 0);
}

TEST(CacheSizes, ALevelWhoseShareFitsTheOneBelowCannotBeMeasured) {
  const std::vector<CacheLevel> caches = {{1, 32 << 10, 1}, {2, 2 << 20, 1}, {3, 16 << 20, 16}};
  EXPECT_EQ(WorkingSetBytes(caches, 3, 1), 8 << 20);
  EXPECT_EQ(WorkingSetBytes(caches, 3, 16), 0);
}

TEST(CacheSizes, BeyondCachesIsBounded) {
  EXPECT_EQ(BeyondCachesBytes({}), int64_t{256} << 20);
  EXPECT_EQ(BeyondCachesBytes({{3, 32 << 20, 8}}), int64_t{256} << 20);
  EXPECT_EQ(BeyondCachesBytes({{3, 256 << 20, 8}}), int64_t{1} << 30);
  EXPECT_EQ(BeyondCachesBytes({{3, int64_t{1152} << 20, 8}}), int64_t{2} << 30);
}

}  // namespace
}  // namespace foregate
