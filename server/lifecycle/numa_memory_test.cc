#include "server/lifecycle/numa_memory.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include "gtest/gtest.h"

namespace foregate {
namespace {

class NumaMemoryTest : public testing::Test {
 protected:
  NumaMemoryTest() : root_(testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
  }
  void Write(const std::string& name, const std::string& content) {
    const std::string path = root_ + "/sys/devices/system/node/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << content;
  }
  void TwoNodes() {
    Write("has_memory", "0-1\n");
    Write("node0/cpulist", "0-3\n");
    Write("node1/cpulist", "4-7\n");
  }

  const std::string root_;
};

TEST_F(NumaMemoryTest, OneNodeChangesNothingAndSaysSo) {
  Write("has_memory", "0\n");
  const NumaPlan plan = PlanNumaMemory("interleave", {0}, root_);
  EXPECT_TRUE(plan.nodes.empty());
  EXPECT_EQ(plan.text, "compute.numa: interleave changes nothing, the machine has one node");
  EXPECT_TRUE(TakeMemoryFrom(plan).ok());
  EXPECT_TRUE(PlanNumaMemory("local", {0}, root_ + "/nothing").nodes.empty());
  EXPECT_EQ(PlanNumaMemory("none", {0}, root_).text, "");
}

TEST_F(NumaMemoryTest, InterleavesOverAllNodes) {
  TwoNodes();
  const NumaPlan plan = PlanNumaMemory("interleave", {0, 1}, root_);
  EXPECT_EQ(plan.nodes, (std::vector<int>{0, 1}));
  EXPECT_EQ(plan.text, "compute.numa: weights and KV on nodes 0-1 in turn");
}

TEST_F(NumaMemoryTest, LocalIsWhereTheComputeThreadsAre) {
  TwoNodes();
  EXPECT_EQ(PlanNumaMemory("local", {5, 6}, root_).nodes, (std::vector<int>{1}));
  EXPECT_EQ(PlanNumaMemory("local", {3, 4}, root_).nodes, (std::vector<int>{0, 1}));
}

TEST_F(NumaMemoryTest, TheSystemTakesOrRefusesByName) {
  // On a thread of its own, so that no other test runs under the policy. Node 0 exists; 1000 does not, anywhere.
  std::thread([] {
    const absl::Status taken = TakeMemoryFrom({{0}, ""});
    if (!taken.ok()) {
      EXPECT_NE(std::string(taken.message()).find("compute.numa: set_mempolicy"), std::string::npos);
    }
    const absl::Status refused = TakeMemoryFrom({{1000}, ""});
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(std::string(refused.message()).find("nodes 1000"), std::string::npos) << refused;
  }).join();
}

}  // namespace
}  // namespace foregate
