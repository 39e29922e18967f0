#include "client/loadgen/load_flags.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

using ::testing::HasSubstr;

std::variant<LoadFlags, LoadUsage> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "foregate-loadgen");
  return ParseLoadFlags(static_cast<int>(arguments.size()), arguments.data());
}

TEST(LoadFlags, DefaultsAreAClosedLoopOfOneClient) {
  const auto flags = std::get<LoadFlags>(Parse({}));
  EXPECT_EQ(flags.plan.rate, 0);
  EXPECT_EQ(flags.clients, 1);
  EXPECT_EQ(flags.plan.max_requests, 100);
  EXPECT_EQ(flags.plan.prompt.max, 128);
  EXPECT_EQ(flags.plan.output.min, 64);
  EXPECT_FALSE(flags.target.ttft.has_value());
}

TEST(LoadFlags, ADurationLiftsTheDefaultCount) {
  const auto flags = std::get<LoadFlags>(Parse(
      {"--rate", "2.5", "--duration", "30", "--slo-ttft-ms", "200", "--slo-itl-ms", "50", "--prompt-tokens", "8:16"}));
  EXPECT_EQ(flags.plan.rate, 2.5);
  EXPECT_EQ(flags.clients, 256);
  EXPECT_EQ(flags.plan.max_requests, 200000);
  EXPECT_EQ(flags.plan.duration_seconds, 30);
  EXPECT_DOUBLE_EQ(*flags.target.ttft, 0.2);
  EXPECT_DOUBLE_EQ(*flags.target.itl, 0.05);
  EXPECT_EQ(flags.plan.prompt.min, 8);
}

TEST(LoadFlags, LongPromptsLiftTheDefaultCount) {
  EXPECT_EQ(std::get<LoadFlags>(Parse({})).long_prompts.tokens, 0);
  const auto flags = std::get<LoadFlags>(
      Parse({"--clients", "16", "--long-prompt-tokens", "2000", "--long-prompts", "3", "--long-prompt-gap", "0.5"}));
  EXPECT_EQ(flags.plan.max_requests, 200000);
  EXPECT_EQ(flags.long_prompts.tokens, 2000);
  EXPECT_EQ(flags.long_prompts.count, 3);
  EXPECT_EQ(flags.long_prompts.gap_seconds, 0.5);
  EXPECT_EQ(std::get<LoadFlags>(Parse({"--long-prompt-tokens", "9", "--requests", "7"})).plan.max_requests, 7);
}

TEST(LoadFlags, MistakesAreNamed) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"--prompt-tokens", "0"}, "--prompt-tokens"},
      {{"--output-tokens", "9:3"}, "--output-tokens"},
      {{"--rate", "-1"}, "--rate"},
      {{"--clients", "0"}, "--clients"},
      {{"--requests", "200000", "--output-tokens", "1000"}, "--requests"},
      {{"--nonsense"}, "--nonsense"},
      {{"--long-prompt-tokens", "0"}, "--long-prompt-tokens"},
      {{"--long-prompt-tokens", "2000", "--rate", "1"}, "--long-prompt-tokens"},
      {{"--long-prompts", "2"}, "--long-prompts"},
      {{"--long-prompt-gap", "2"}, "--long-prompt-gap"},
  };
  for (const auto& [arguments, name] : cases) {
    const auto parsed = Parse(arguments);
    ASSERT_TRUE(std::holds_alternative<LoadUsage>(parsed)) << name;
    EXPECT_EQ(std::get<LoadUsage>(parsed).exit_code, 2);
    EXPECT_THAT(std::get<LoadUsage>(parsed).text, HasSubstr(name));
  }
  EXPECT_EQ(std::get<LoadUsage>(Parse({"--help"})).exit_code, 0);
}

}  // namespace
}  // namespace foregate
