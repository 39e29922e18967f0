#include "server/lifecycle/expert_budget.h"

#include <gtest/gtest.h>

#include <string>

namespace foregate {
namespace {

using Kind = ExpertMemorySetting::Kind;

constexpr uint64_t kMiB = 1 << 20;

// 1,000 MiB of weights, 800 of them experts; a sequence takes 16 MiB of KV.
ExpertBudgetInput Input(uint64_t limit_mib) {
  ExpertBudgetInput input;
  input.memory = {.limit_bytes = limit_mib * kMiB,
                  .limit_source = "--memory",
                  .weights_bytes = 1000 * kMiB,
                  .workspace_bytes = 50 * kMiB,
                  .kv_bytes_per_token = 16 << 10,
                  .block_tokens = 64,
                  .sequence_tokens = 1024,
                  .max_running_requests = 8,
                  .configured_bytes = {}};
  input.all_expert_bytes = 800 * kMiB;
  return input;
}

TEST(ExpertBudget, AutoKeepsAllWhereTheyFit) {
  const auto budget = ChooseExpertBytes({}, Input(1000 + 50 + 96 + 16));
  ASSERT_TRUE(budget.ok()) << budget.status();
  EXPECT_EQ(budget->expert_bytes, 0u);
  EXPECT_FALSE(budget->kv_bytes.has_value());
}

TEST(ExpertBudget, AutoGivesExpertsWhatTheRestLeaves) {
  // 200 dense, 50 buffers, 96 process: 654 to share.
  const auto budget = ChooseExpertBytes({}, Input(1000));
  ASSERT_TRUE(budget.ok()) << budget.status();
  EXPECT_EQ(budget->kv_bytes, static_cast<int64_t>(654 * kMiB / 8));
  EXPECT_EQ(budget->expert_bytes, 654 * kMiB - 654 * kMiB / 8);
}

TEST(ExpertBudget, KvIsAtLeastASequenceAndAtMostWhatIsOfUse) {
  EXPECT_EQ(ChooseExpertBytes({}, Input(346 + 64))->kv_bytes, static_cast<int64_t>(16 * kMiB));
  ExpertBudgetInput input = Input(1100);
  input.memory.max_running_requests = 2;
  EXPECT_EQ(ChooseExpertBytes({}, input)->kv_bytes, static_cast<int64_t>(32 * kMiB));
  input.memory.configured_bytes = 100 * kMiB;
  EXPECT_EQ(ChooseExpertBytes({}, input)->kv_bytes, static_cast<int64_t>(100 * kMiB));
  EXPECT_EQ(ChooseExpertBytes({}, input)->expert_bytes, (1100 - 346 - 100) * kMiB);
}

TEST(ExpertBudget, WhatCannotFitIsRefusedWithTheNumbers) {
  const auto budget = ChooseExpertBytes({}, Input(350));
  EXPECT_EQ(budget.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(budget.status().message().find("weights 209715200 bytes"), std::string::npos) << budget.status();
}

TEST(ExpertBudget, WhatIsAskedForIsGiven) {
  EXPECT_EQ(ChooseExpertBytes({Kind::kAll, 0}, Input(100))->expert_bytes, 0u);
  EXPECT_EQ(ChooseExpertBytes({Kind::kBytes, 12345}, Input(100))->expert_bytes, 12345u);
  EXPECT_EQ(ChooseExpertBytes({Kind::kPercent, 25}, Input(100))->expert_bytes, 200 * kMiB);
  EXPECT_EQ(ChooseExpertBytes({Kind::kPercent, 100}, Input(100))->expert_bytes, 800 * kMiB);
  ExpertBudgetInput dense = Input(100000);
  dense.all_expert_bytes = 0;
  EXPECT_EQ(ChooseExpertBytes({Kind::kPercent, 25}, dense)->expert_bytes, 0u);
}

}  // namespace
}  // namespace foregate
