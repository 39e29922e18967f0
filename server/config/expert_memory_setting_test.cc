#include "server/config/expert_memory_setting.h"

#include <gtest/gtest.h>

#include <string>

namespace foregate {
namespace {

using Kind = ExpertMemorySetting::Kind;

void ExpectParsed(const std::string& text, Kind kind, int64_t value) {
  const auto parsed = ParseExpertMemory(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->kind, kind) << text;
  EXPECT_EQ(parsed->value, value) << text;
}

TEST(ExpertMemorySetting, TakesWordsSizesAndShares) {
  ExpectParsed("auto", Kind::kAuto, 0);
  ExpectParsed("all", Kind::kAll, 0);
  ExpectParsed("4096", Kind::kBytes, 4096);
  ExpectParsed("3GiB", Kind::kBytes, int64_t{3} << 30);
  ExpectParsed("40%", Kind::kPercent, 40);
  ExpectParsed("100%", Kind::kPercent, 100);
}

TEST(ExpertMemorySetting, RefusesTheRest) {
  for (const char* text : {"", "0", "-1", "0%", "101%", "%", "half", "3GB", "40 %", "1GiB%x", "all "})
    EXPECT_EQ(ParseExpertMemory(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_NE(ParseExpertMemory("half").status().message().find("\"half\" is neither auto"), std::string::npos);
}

}  // namespace
}  // namespace foregate
