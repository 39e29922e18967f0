#include "server/lifecycle/memory_pressure.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr uint64_t kKiB = 1024;

class MemoryPressureTest : public ::testing::Test {
 protected:
  MemoryPressureTest()
      : root_(::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    Write("/proc/meminfo", "MemTotal:       100000 kB\nMemFree:  1 kB\nMemAvailable:   60000 kB\n");
  }

  void Write(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }
  void MountVersion2() {
    Write("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    Write("/proc/self/cgroup", "0::/pod/box\n");
  }
  std::vector<MemoryDomain> Read() const { return ReadMemoryDomains(root_); }

  const std::string root_;
};

TEST_F(MemoryPressureTest, TheMachineStandsFirst) {
  Write("/proc/pressure/memory", "some avg10=1.50 avg60=0.00 avg300=0.00 total=4200\nfull avg10=0 total=1\n");
  Write("/proc/vmstat", "nr_free_pages 5\noom_kill 3\n");
  Write("/proc/self/statm", "900 70 20 5 0 60 0\n");
  const auto domains = Read();
  ASSERT_EQ(domains.size(), 1u);
  EXPECT_EQ(domains[0].source, "/proc/meminfo");
  EXPECT_EQ(domains[0].limit_bytes, 100000 * kKiB);
  EXPECT_EQ(domains[0].free_bytes, 60000 * kKiB);
  EXPECT_EQ(domains[0].stalled_us, 4200u);
  EXPECT_EQ(domains[0].num_kills, 3u);
  EXPECT_EQ(domains[0].own_bytes, 70u * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST_F(MemoryPressureTest, Version2CountsFilePagesAsFree) {
  MountVersion2();
  Write("/sys/fs/cgroup/pod/box/memory.max", "max\n");
  Write("/sys/fs/cgroup/pod/box/memory.current", "1\n");
  Write("/sys/fs/cgroup/pod/memory.max", "10000\n");
  Write("/sys/fs/cgroup/pod/memory.high", "9000\n");
  Write("/sys/fs/cgroup/pod/memory.current", "8000\n");
  Write("/sys/fs/cgroup/pod/memory.stat",
        "anon 5000\nfile 2500\ninactive_file 1500\nactive_file 700\nslab_reclaimable 100\n");
  Write("/sys/fs/cgroup/pod/memory.events", "low 0\nhigh 4\nmax 2\noom 1\noom_kill 1\n");
  Write("/sys/fs/cgroup/pod/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=77\n");
  const auto domains = Read();
  ASSERT_EQ(domains.size(), 2u) << "a group without a limit is none";
  EXPECT_EQ(domains[1].source, "/sys/fs/cgroup/pod/memory.high");
  EXPECT_EQ(domains[1].limit_bytes, 9000u);
  EXPECT_EQ(domains[1].free_bytes, 9000u - (8000 - 2300));
  EXPECT_EQ(domains[1].stalled_us, 77u);
  EXPECT_EQ(domains[1].num_hits, 6u);
  EXPECT_EQ(domains[1].num_kills, 1u);
}

TEST_F(MemoryPressureTest, Version1) {
  Write("/proc/self/mountinfo", "32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  Write("/proc/self/cgroup", "3:memory:/a/b\n");
  Write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "5\n");
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4000\n");
  Write("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "3900\n");
  Write("/sys/fs/cgroup/memory/a/memory.stat",
        "inactive_file 1\nactive_file 1\ntotal_inactive_file 600\ntotal_active_file 300\n");
  Write("/sys/fs/cgroup/memory/a/memory.failcnt", "12\n");
  Write("/sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  const auto domains = Read();
  ASSERT_EQ(domains.size(), 2u);
  EXPECT_EQ(domains[1].source, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes");
  EXPECT_EQ(domains[1].free_bytes, 1000u);
  EXPECT_EQ(domains[1].num_hits, 12u);
  EXPECT_EQ(domains[1].num_kills, 2u);
}

TEST_F(MemoryPressureTest, BearsNonsense) {
  MountVersion2();
  Write("/sys/fs/cgroup/pod/memory.max", "5000\n");
  Write("/sys/fs/cgroup/pod/memory.current", "90000\n");  // above the limit, as while it is being lowered
  Write("/sys/fs/cgroup/pod/memory.stat", "inactive_file 999999\njunk\n\nactive_file x\n");
  Write("/sys/fs/cgroup/pod/memory.pressure", "total=\nsome\n");
  const auto domains = Read();
  ASSERT_EQ(domains.size(), 2u);
  EXPECT_EQ(domains[1].free_bytes, 5000u);
  Write("/sys/fs/cgroup/pod/memory.stat", "");
  EXPECT_EQ(Read()[1].free_bytes, 0u);
  Write("/proc/meminfo", "MemTotal: lots\n");
  EXPECT_EQ(Read().size(), 1u);
  EXPECT_TRUE(ReadMemoryDomains(root_ + "/nowhere").empty());
}

TEST(CompareDomains, CountsWhatHappenedBetween) {
  const MemoryDomain before{.source = "a", .limit_bytes = 9, .stalled_us = 1000, .num_hits = 4, .num_kills = 1};
  MemoryDomain now = before;
  now.free_bytes = 5;
  now.stalled_us = 26000;
  const auto compare = [&] { return CompareDomains({before}, {now}, std::chrono::milliseconds(250)); };
  ASSERT_EQ(compare().size(), 1u);
  EXPECT_EQ(compare()[0].free_bytes, 5u);
  EXPECT_EQ(compare()[0].fallen_bytes, -5);
  now.own_bytes = 3;
  EXPECT_EQ(compare()[0].fallen_bytes, -8) << "others gave 8 back, of which this process took 3";
  EXPECT_DOUBLE_EQ(compare()[0].stalled_share, 0.1);
  EXPECT_FALSE(compare()[0].met_limit || compare()[0].has_killed);
  now.num_hits = 5;
  now.num_kills = 2;
  EXPECT_TRUE(compare()[0].met_limit && compare()[0].has_killed);
  now.stalled_us = 10;  // another group of the same name
  EXPECT_EQ(compare()[0].stalled_share, 0);
  now.source = "b";
  EXPECT_TRUE(compare().empty());
}

TEST(ReadMemoryDomains, OfThisMachineArePlausible) {
  const auto domains = ReadMemoryDomains("");
  ASSERT_FALSE(domains.empty());
  for (const MemoryDomain& domain : domains) {
    EXPECT_GT(domain.limit_bytes, 1u << 20) << domain.source;
    EXPECT_LE(domain.free_bytes, domain.limit_bytes) << domain.source;
  }
}

}  // namespace
}  // namespace foregate
