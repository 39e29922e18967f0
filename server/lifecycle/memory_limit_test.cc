#include "server/lifecycle/memory_limit.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMachineBytes = (1000 - 128) * kMiB;  // that it gives

class MemoryLimitTest : public ::testing::Test {
 protected:
  MemoryLimitTest()
      : root_(::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    Write("/proc/meminfo", "MemTotal:       1024000 kB\nMemFree: 1 kB\n");
  }

  void Write(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }

  void MountVersion2(const std::string& mount_root = "/") {
    Write("/proc/self/mountinfo", "24 1 0:22 / /proc rw - proc proc rw\n30 24 0:26 " + mount_root +
                                      " /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  uint64_t Bytes() {
    const auto limit = FindMemoryLimit(root_);
    EXPECT_TRUE(limit.ok()) << limit.status();
    source_ = limit->source;
    return limit->bytes;
  }

  const std::string root_;
  std::string source_;
};

TEST_F(MemoryLimitTest, IsTheMachinesMemoryWithoutGroups) {
  EXPECT_EQ(Bytes(), kMachineBytes);
  EXPECT_EQ(source_, "/proc/meminfo");
}

// A plan that fills a machine would else be taken for a shortage at once, for others use memory, too.
TEST_F(MemoryLimitTest, LeavesTwiceTheReserveOfAMachine) {
  for (const uint64_t gib : {16, 64, 1024}) {
    const uint64_t machine_bytes = gib * 1024 * kMiB;
    Write("/proc/meminfo", "MemTotal: " + std::to_string(machine_bytes / 1024) + " kB\n");
    EXPECT_EQ(Bytes(), machine_bytes - 2 * MachineReserveBytes(machine_bytes)) << gib;
  }
  Write("/proc/meminfo", "MemTotal: 102400 kB\n");
  EXPECT_EQ(Bytes(), 50 * kMiB) << "half at most";
}

TEST_F(MemoryLimitTest, TakesTheSmallestOfTheNestedGroupsOfVersion2) {
  MountVersion2();
  Write("/proc/self/cgroup", "0::/pod/container\n");
  Write("/sys/fs/cgroup/pod/container/memory.max", "max\n");
  Write("/sys/fs/cgroup/pod/memory.max", "5000\n");
  Write("/sys/fs/cgroup/memory.max", "9000\n");
  EXPECT_EQ(Bytes(), 5000u);
  EXPECT_EQ(source_, "/sys/fs/cgroup/pod/memory.max");
}

// Above "high" everything in the group is slowed down: experts would be planned into a limit that never holds them.
TEST_F(MemoryLimitTest, TakesTheSmallerOfMaxAndHigh) {
  MountVersion2();
  Write("/proc/self/cgroup", "0::/pod\n");
  Write("/sys/fs/cgroup/pod/memory.max", "5000\n");
  Write("/sys/fs/cgroup/pod/memory.high", "4000\n");
  EXPECT_EQ(Bytes(), 4000u);
  EXPECT_EQ(source_, "/sys/fs/cgroup/pod/memory.high");
  Write("/sys/fs/cgroup/pod/memory.high", "max\n");
  EXPECT_EQ(Bytes(), 5000u);
  Write("/sys/fs/cgroup/pod/memory.max", "max\n");
  Write("/sys/fs/cgroup/pod/memory.high", "6000\n");
  EXPECT_EQ(Bytes(), 6000u);
}

TEST_F(MemoryLimitTest, ReadsTheRootOfANamespace) {
  MountVersion2();
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "7000\n");
  EXPECT_EQ(Bytes(), 7000u);
}

TEST_F(MemoryLimitTest, UnderstandsAMountOfAPartOfTheHierarchy) {
  MountVersion2("/docker/abc");
  Write("/proc/self/cgroup", "0::/docker/abc/inner\n");
  Write("/sys/fs/cgroup/inner/memory.max", "6000\n");
  EXPECT_EQ(Bytes(), 6000u);
}

TEST_F(MemoryLimitTest, ReadsVersion1) {
  Write("/proc/self/mountinfo",
        "31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        "32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  Write("/proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/a/b\n");
  Write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4000\n");
  EXPECT_EQ(Bytes(), 4000u);
}

TEST_F(MemoryLimitTest, ALimitAboveTheMachineIsNone) {
  MountVersion2();
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "99999999999\n");
  EXPECT_EQ(Bytes(), kMachineBytes);
}

TEST_F(MemoryLimitTest, BearsNonsense) {
  Write("/proc/self/mountinfo", "\n - \n1 2 3 - cgroup2\n30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  Write("/proc/self/cgroup", "junk\n::\n0::/../../x//\n");
  Write("/sys/fs/cgroup/memory.max", "lots\n");
  EXPECT_EQ(Bytes(), kMachineBytes);
  Write("/proc/meminfo", "");
  const auto limit = FindMemoryLimit(root_);
  EXPECT_EQ(limit.status().code(), absl::StatusCode::kNotFound);
}

TEST(MemoryLimit, OfThisMachineIsPlausible) {
  const auto limit = FindMemoryLimit("");
  ASSERT_TRUE(limit.ok()) << limit.status();
  EXPECT_GT(limit->bytes, 16u << 20);
}

}  // namespace
}  // namespace foregate
