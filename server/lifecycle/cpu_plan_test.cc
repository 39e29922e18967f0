#include "server/lifecycle/cpu_plan.h"

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "gtest/gtest.h"

namespace foregate {
namespace {

class CpuPlanTest : public testing::Test {
 protected:
  CpuPlanTest() : root_(testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
  }
  void Write(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }
  // Cores of two CPUs each: 0 and 4, 1 and 5, ...
  void EightCpusOfFourCores() {
    for (int cpu = 0; cpu < 8; ++cpu)
      Write("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
            std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4) + "\n");
  }
  std::string Refusal(int threads, const std::string& affinity) {
    const auto plan = PlanCpus(threads, affinity, usable_, root_);
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << affinity;
    return std::string(plan.status().message());
  }

  const std::string root_;
  const UsableCpus usable_{{0, 1, 2, 3, 4, 5, 6, 7}, 8, "sched_getaffinity"};
};

TEST_F(CpuPlanTest, UsableAreTheAffinityMaskAndTheSmallestQuota) {
  const auto machine = FindUsableCpus(root_);
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->limit, static_cast<int>(machine->cpus.size()));
  EXPECT_EQ(machine->limit_source, "sched_getaffinity");
  Write("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  Write("/proc/self/cgroup", "0::/pod/container\n");
  Write("/sys/fs/cgroup/pod/container/cpu.max", "max 100000\n");
  EXPECT_EQ(FindUsableCpus(root_)->limit, machine->limit);
  Write("/sys/fs/cgroup/pod/cpu.max", "90000 100000\n");  // less than one CPU: every machine has more
  EXPECT_EQ(FindUsableCpus(root_)->limit, 1);
  EXPECT_EQ(FindUsableCpus(root_)->limit_source, "/sys/fs/cgroup/pod/cpu.max");
}

TEST_F(CpuPlanTest, ReadsQuotasOfVersion1) {
  Write("/proc/self/mountinfo", "31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  Write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/x\n");
  Write("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
  Write("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(FindUsableCpus(root_)->limit_source, "sched_getaffinity");
  Write("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "50000\n");
  EXPECT_EQ(FindUsableCpus(root_)->limit, 1);
  EXPECT_EQ(FindUsableCpus(root_)->limit_source, "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us");
}

TEST_F(CpuPlanTest, NoneBindsNothing) {
  const auto plan = PlanCpus(0, "none", {{0, 1, 2, 3}, 2, "/cpu.max"}, root_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->compute_threads, 2);
  EXPECT_TRUE(plan->compute_cpus.empty() && plan->serving_cpus.empty());
  EXPECT_EQ(plan->ToString(),
            "CPUs: 2 usable (/cpu.max); 2 compute threads, not bound; the other threads share their CPUs");
  EXPECT_EQ(PlanCpus(7, "none", usable_, root_)->compute_threads, 7);
}

TEST_F(CpuPlanTest, AutoTakesWholeCoresFirstAndLeavesTheRestToServe) {
  EightCpusOfFourCores();
  const auto plan = PlanCpus(3, "auto", usable_, root_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->compute_cpus, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(plan->serving_cpus, (std::vector<int>{3, 4, 5, 6, 7}));
  EXPECT_EQ(plan->ToString(),
            "CPUs: 8 usable (sched_getaffinity); 3 compute threads on CPUs 0-2; the other threads on CPUs 3-7");
  EXPECT_EQ(PlanCpus(6, "auto", usable_, root_)->compute_cpus, (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(PlanCpus(2, "auto", {{1, 2, 5, 6}, 4, ""}, root_)->compute_cpus, (std::vector<int>{1, 2}));
  EXPECT_TRUE(PlanCpus(0, "auto", usable_, root_)->serving_cpus.empty());
}

TEST_F(CpuPlanTest, AListIsTakenInItsOrder) {
  const auto plan = PlanCpus(0, "6,2-3", usable_, root_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->compute_threads, 3);
  EXPECT_EQ(plan->compute_cpus, (std::vector<int>{6, 2, 3}));
  EXPECT_EQ(plan->serving_cpus, (std::vector<int>{0, 1, 4, 5, 7}));
  EXPECT_EQ(PlanCpus(2, "6,2-3", usable_, root_)->compute_cpus, (std::vector<int>{6, 2}));
}

TEST_F(CpuPlanTest, RefusesByName) {
  EXPECT_EQ(Refusal(2, "7-8"), "compute.affinity: the process may not use CPU 8, only 0-7");
  EXPECT_EQ(Refusal(3, "1,2"), "compute.affinity: 1,2 gives 2 CPUs to 3 compute threads");
  EXPECT_EQ(Refusal(9, "auto"), "compute.affinity: auto gives 8 CPUs to 9 compute threads");
}

TEST_F(CpuPlanTest, AThreadRunsWhereItIsPut) {
  const int cpu = FindUsableCpus("")->cpus.back();
  std::thread([cpu] {
    ASSERT_TRUE(RunOnCpus({cpu}).ok());
    EXPECT_EQ(sched_getcpu(), cpu);
    EXPECT_EQ(FindUsableCpus("")->cpus, (std::vector<int>{cpu}));
    EXPECT_TRUE(RunOnCpus({}).ok());
    EXPECT_EQ(RunOnCpus({4095}).code(), absl::StatusCode::kFailedPrecondition);
  }).join();
}

}  // namespace
}  // namespace foregate
