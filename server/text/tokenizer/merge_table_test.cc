#include "server/text/tokenizer/merge_table.h"

#include <gtest/gtest.h>

#include <random>

namespace foregate {
namespace {

// The definition, quadratic: merge the leftmost pair of the lowest rank until there is none.
std::vector<int32_t> MergeByDefinition(const MergeTable& table, std::vector<int32_t> symbols) {
  while (true) {
    const MergeTable::Merge* best = nullptr;
    size_t position = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const MergeTable::Merge* merge = table.Find(symbols[i], symbols[i + 1]);
      if (merge != nullptr && (best == nullptr || merge->rank < best->rank)) {
        best = merge;
        position = i;
      }
    }
    if (best == nullptr) return symbols;
    symbols[position] = best->merged_id;
    symbols.erase(symbols.begin() + position + 1);
  }
}

TEST(MergeTableTest, FindsWhatWasInserted) {
  MergeTable table;
  table.Reserve(2);
  table.Insert(1, 2, {0, 3});
  table.Insert(3, 1, {1, 4});
  ASSERT_NE(table.Find(1, 2), nullptr);
  EXPECT_EQ(table.Find(1, 2)->merged_id, 3);
  EXPECT_EQ(table.Find(2, 1), nullptr);
}

TEST(MergeTableTest, EqualsTheDefinitionForShortAndLongWords) {
  std::mt19937 random(3);
  MergeTable table;
  table.Reserve(200);
  for (int rank = 0; rank < 200; ++rank) {
    const auto symbol = [&] { return static_cast<int32_t>(random() % (4 + rank)); };
    const int32_t left = symbol();
    const int32_t right = symbol();
    if (table.Find(left, right) == nullptr) table.Insert(left, right, {rank, 4 + rank});
  }
  for (int round = 0; round < 500; ++round) {
    std::vector<int32_t> symbols(random() % 160);
    for (int32_t& symbol : symbols) symbol = static_cast<int32_t>(random() % 4);
    const std::vector<int32_t> expected = MergeByDefinition(table, symbols);
    symbols.resize(table.MergeAll(symbols));
    EXPECT_EQ(symbols, expected);
  }
}

}  // namespace
}  // namespace foregate
