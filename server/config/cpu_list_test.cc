#include "server/config/cpu_list.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(CpuListTest, ReadsNumbersAndRangesInTheirOrder) {
  EXPECT_EQ(*ParseCpuList("0"), (std::vector<int>{0}));
  EXPECT_EQ(*ParseCpuList("8,0-3,5"), (std::vector<int>{8, 0, 1, 2, 3, 5}));
  EXPECT_EQ(*ParseCpuList("4095"), (std::vector<int>{4095}));
}

TEST(CpuListTest, NamesWhatItCannotRead) {
  for (const std::string text : {"", ",", "1,", "a", "3-1", "-1", "1-", "1-2-3", " 1", "4096", "0-99999999999"}) {
    const auto cpus = ParseCpuList(text);
    EXPECT_EQ(cpus.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseCpuList("0-3,2").status().message(), "2 comes twice");
  EXPECT_EQ(ParseCpuList("0,x").status().message(), "\"x\" is no number or range up to 4095");
}

TEST(CpuListTest, PrintsWhatItReads) {
  for (const std::string text : {"0", "0-3", "0-3,8", "8,0-1", "1,3,5"})
    EXPECT_EQ(PrintCpuList(*ParseCpuList(text)), text);
  EXPECT_EQ(PrintCpuList({}), "");
}

}  // namespace
}  // namespace foregate
