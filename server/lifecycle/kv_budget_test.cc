#include "server/lifecycle/kv_budget.h"

#include "gtest/gtest.h"
#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// One sequence: 2 blocks of 16 tokens at 1 MiB a token.
KvBudgetInput Input(uint64_t left_mib) {
  KvBudgetInput input;
  input.limit_source = "--memory";
  input.weights_bytes = 100 * kMiB;
  input.workspace_bytes = 10 * kMiB;
  input.limit_bytes = input.weights_bytes + input.workspace_bytes + kProcessReserveBytes + left_mib * kMiB;
  input.kv_bytes_per_token = kMiB;
  input.block_tokens = 16;
  input.sequence_tokens = 20;
  input.max_running_requests = 4;
  return input;
}

TEST(KvBudget, GivesWhatTheRunningRequestsCanUse) { EXPECT_EQ(*ChooseKvBytes(Input(1000)), 128 * kMiB); }

TEST(KvBudget, TakesAtMostHalfOfWhatIsLeft) { EXPECT_EQ(*ChooseKvBytes(Input(200)), 100 * kMiB); }

TEST(KvBudget, TakesMoreThanHalfWhenOneSequenceNeedsIt) { EXPECT_EQ(*ChooseKvBytes(Input(32)), 32 * kMiB); }

TEST(KvBudget, RefusesWithTheNumbersWhenOneSequenceDoesNotFit) {
  const auto refused = ChooseKvBytes(Input(31));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string message(refused.status().message());
  EXPECT_NE(message.find("weights 104857600 bytes (100 MiB)"), std::string::npos) << message;
  EXPECT_NE(message.find("KV of one sequence 33554432 bytes"), std::string::npos) << message;
  EXPECT_NE(message.find("of --memory"), std::string::npos) << message;
}

TEST(KvBudget, RefusesWeightsAboveTheLimit) {
  KvBudgetInput input = Input(0);
  input.limit_bytes = 5;
  EXPECT_EQ(ChooseKvBytes(input).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(KvBudget, TakesTheConfiguredSizeIfItFitsAndSuffices) {
  KvBudgetInput input = Input(100);
  input.configured_bytes = 99 * kMiB;
  EXPECT_EQ(*ChooseKvBytes(input), 99 * kMiB);
  input.configured_bytes = 101 * kMiB;
  EXPECT_EQ(ChooseKvBytes(input).status().code(), absl::StatusCode::kFailedPrecondition);
  input.configured_bytes = 31 * kMiB;
  EXPECT_NE(std::string(ChooseKvBytes(input).status().message()).find("less than one sequence of 20 tokens"),
            std::string::npos);
}

}  // namespace
}  // namespace foregate
