#include "server/lifecycle/memory_division.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace foregate {
namespace {

ServerConfig MiniModel() {
  ServerConfig config = DefaultServerConfig();
  config.mutable_model()->set_dir("models/mini");
  return config;
}

absl::StatusOr<MemoryDivision> Divide(const ServerConfig& config, uint64_t limit_bytes) {
  auto options = ConfiguredLoad(config);
  if (!options.ok()) return options.status();
  return DivideMemory(config, *options, {.bytes = limit_bytes, .source = "the test"});
}

TEST(MemoryDivision, AllExpertsStayFromTheStatedLimitOn) {
  const auto roomy = Divide(MiniModel(), uint64_t{1} << 32);
  ASSERT_TRUE(roomy.ok()) << roomy.status();
  EXPECT_FALSE(roomy->plan.reads_container);
  const uint64_t least = roomy->all_resident_bytes;
  const auto exact = Divide(MiniModel(), least);
  ASSERT_TRUE(exact.ok()) << exact.status();
  EXPECT_FALSE(exact->plan.reads_container);
  const auto less = Divide(MiniModel(), least - 1);
  ASSERT_TRUE(less.ok()) << less.status();
  EXPECT_TRUE(less->plan.reads_container);
  EXPECT_LT(less->plan.memory.expert_bytes, less->plan.memory.all_expert_bytes);
  EXPECT_EQ(less->all_resident_bytes, least);
  EXPECT_GE(less->expert_memory.num_bytes, less->plan.memory.expert_bytes);
  EXPECT_GT(less->kv_bytes, 0);
}

TEST(MemoryDivision, KeepsThePolicyThatWasAskedFor) {
  ServerConfig config = MiniModel();
  config.mutable_engine()->set_expert_eviction("lru");
  for (const char* memory : {"auto", "50%"}) {
    config.mutable_engine()->set_expert_memory(memory);
    const auto division = Divide(config, uint64_t{1} << 32);
    ASSERT_TRUE(division.ok()) << division.status();
    EXPECT_EQ(division->expert_memory.eviction, EvictLeastRecentlyUsed);
  }
  EXPECT_EQ(Divide(MiniModel(), uint64_t{1} << 32)->expert_memory.eviction, EvictFarthestExpectedUse);
  config.mutable_engine()->set_expert_eviction("belady");  // that only a replay can follow
  EXPECT_EQ(Divide(config, uint64_t{1} << 32).status().message(),
            "expert_eviction is lru, lfu or expected, not belady");
}

TEST(MemoryDivision, SaysWhatAStepTouches) {
  const auto division = Divide(MiniModel(), uint64_t{1} << 32);
  ASSERT_TRUE(division.ok()) << division.status();
  const StepShape& step = division->plan.step;
  const MemoryPlan& memory = division->plan.memory;
  ASSERT_EQ(step.moe_layers.size(), step.expert_bytes.size());
  const uint64_t experts = std::accumulate(step.expert_bytes.begin(), step.expert_bytes.end(), uint64_t{0}) *
                           static_cast<uint64_t>(step.num_experts);
  EXPECT_EQ(experts, memory.all_expert_bytes);
  EXPECT_EQ(step.dense_bytes + memory.lookup_bytes, memory.dense_bytes);
  // bf16, but for small f32 tensors: two bytes a parameter.
  EXPECT_EQ(step.expert_format, "bf16");
  EXPECT_NEAR(static_cast<double>(step.dense_bytes), 2.0 * static_cast<double>(step.dense_parameters),
              0.1 * static_cast<double>(step.dense_bytes));
  EXPECT_EQ(step.expert_bytes[0], 2 * step.expert_parameters);
}

TEST(MemoryDivision, RefusesWithTheNumbers) {
  const auto division = Divide(MiniModel(), 1 << 20);
  EXPECT_EQ(division.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(division.status().message().find("of the test"), std::string::npos) << division.status();
}

TEST(MemoryDivision, TellsThePlanAlsoWhenItDoesNotFit) {
  const ServerConfig small = MiniModel();
  ServerConfig half = small;
  half.mutable_engine()->set_expert_memory("50%");
  for (const ServerConfig& config : {small, half}) {
    for (const uint64_t limit_bytes : {uint64_t{1} << 20, uint64_t{1} << 32}) {
      std::vector<ModelPlan> plans;
      const auto division = DivideMemory(config, *ConfiguredLoad(config), {.bytes = limit_bytes, .source = "the test"},
                                         [&](const ModelPlan& plan) { plans.push_back(plan); });
      EXPECT_EQ(division.ok(), limit_bytes > 1 << 20) << division.status();
      ASSERT_EQ(plans.size(), 1u);
      EXPECT_EQ(plans[0].architecture, "qwen3_moe");
      EXPECT_EQ(plans[0].reads_container, config.engine().expert_memory() == "50%");
    }
  }
}

}  // namespace
}  // namespace foregate
