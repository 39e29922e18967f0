#include "kernels/cpu/product_tasks.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace foregate::internal {
namespace {

WeightMatrix Matrix(WeightFormat format, int64_t num_outputs, int64_t num_inputs) {
  return {.data = nullptr, .format = format, .num_outputs = num_outputs, .num_inputs = num_inputs};
}

constexpr ProductTasks::Machine kTwoCores = {.num_threads = 2, .panel_bytes = 128 << 10};

// How often the tasks compute each output of each row of a matrix.
std::vector<int> Visits(const ProductTasks& tasks, int32_t matrix, int64_t num_rows, int64_t num_outputs) {
  std::vector<int> visits(static_cast<size_t>(num_rows * num_outputs), 0);
  for (const ProductTask& task : tasks.tasks()) {
    if (task.matrix != matrix) continue;
    EXPECT_EQ(task.first_output % kPanelOutputs, 0);
    for (int64_t r = task.first_row; r < task.first_row + task.num_rows; ++r) {
      for (int64_t n = task.first_output; n < task.first_output + task.num_outputs; ++n) {
        ++visits.at(static_cast<size_t>(r * num_outputs + n));
      }
    }
  }
  return visits;
}

TEST(ProductTasksTest, EveryOutputOfEveryRowBelongsToOneTask) {
  ProductTasks tasks;
  for (const int64_t num_inputs : {1, 40, 700}) {
    const ProductTasks::Machine machine = {.num_threads = 2, .panel_bytes = num_inputs == 40 ? 0 : 128 << 10};
    for (const WeightFormat format : {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kInt8}) {
      for (const int64_t num_outputs : {1, 16, 17, 100, 513}) {
        const std::vector<int64_t> rows = {300, 65, 64, 7, 6, 1};
        tasks.Start(machine, Matrix(format, num_outputs, num_inputs), 2, 443);
        for (size_t i = 0; i < rows.size(); ++i) tasks.Add(static_cast<int32_t>(i), rows[i]);
        for (size_t i = 0; i < rows.size(); ++i) {
          const std::vector<int> visits = Visits(tasks, static_cast<int32_t>(i), rows[i], num_outputs);
          EXPECT_TRUE(std::all_of(visits.begin(), visits.end(), [](int n) { return n == 1; }))
              << WeightFormatName(format) << " " << num_outputs << "x" << num_inputs << ", " << rows[i] << " rows";
        }
      }
    }
  }
}

TEST(ProductTasksTest, OneRowIsCutIntoManyEqualStreams) {
  ProductTasks tasks;
  tasks.Start(kTwoCores, Matrix(WeightFormat::kBf16, 2048, 2048), 1, 1);
  tasks.Add(0, 1);
  ASSERT_EQ(tasks.size(), 16);
  for (const ProductTask& task : tasks.tasks()) EXPECT_EQ(task.num_outputs, 128);
}

TEST(ProductTasksTest, AMatrixOfFewPanelsKeepsEveryThreadBusy) {
  ProductTasks tasks;
  tasks.Start(kTwoCores, Matrix(WeightFormat::kF32, 64, 2048), 1, 1);
  tasks.Add(0, 1);
  ASSERT_EQ(tasks.size(), 2);
  EXPECT_EQ(tasks[0].num_outputs, tasks[1].num_outputs);
}

TEST(ProductTasksTest, RowsOfSeveralTilesMeetSmallerTasks) {
  ProductTasks tasks;
  const WeightMatrix vocabulary = Matrix(WeightFormat::kInt8, 50304, 2048);
  tasks.Start(kTwoCores, vocabulary, 1, 1);
  tasks.Add(0, 1);
  const int64_t one_tile = tasks[0].num_outputs;
  tasks.Start(kTwoCores, vocabulary, 1, 6);
  tasks.Add(0, 6);
  EXPECT_GT(one_tile, tasks[0].num_outputs);
}

TEST(ProductTasksTest, ManyRowsOfFloatsArePackedForManyPanels) {
  ProductTasks tasks;
  tasks.Start(kTwoCores, Matrix(WeightFormat::kBf16, 2048, 2048), 1, 512);
  tasks.Add(0, 512);
  EXPECT_GE(tasks.size(), 16);
  for (const ProductTask& task : tasks.tasks()) {
    EXPECT_LE(task.num_rows, 64);
    EXPECT_GE(task.num_outputs, 256);
  }
}

TEST(ProductTasksTest, ManyRowsOfIntegersMeetPanelsThatStayInTheCache) {
  ProductTasks tasks;
  tasks.Start(kTwoCores, Matrix(WeightFormat::kInt8, 2048, 2048), 1, 512);
  tasks.Add(0, 512);
  for (const ProductTask& task : tasks.tasks()) {
    EXPECT_EQ(task.num_rows, 512);
    EXPECT_LE(task.num_outputs, 4 * kPanelOutputs);  // 32 KB each
  }
}

TEST(ProductTasksTest, WhereKernelsFetchPanelsTasksHaveSeveralGroups) {
  ProductTasks tasks;
  tasks.Start({.num_threads = 2}, Matrix(WeightFormat::kInt8, 4096, 2048), 1, 2048);
  tasks.Add(0, 2048);
  EXPECT_GE(tasks.size(), 32);
  for (const ProductTask& task : tasks.tasks()) {
    EXPECT_LE(task.num_rows, 256);
    EXPECT_GE(task.num_outputs, 4 * 4 * kPanelOutputs);
  }
}

TEST(ProductTasksTest, ItsMemoryIsKept) {
  ProductTasks tasks;
  const WeightMatrix matrix = Matrix(WeightFormat::kBf16, 2048, 2048);
  tasks.Start(kTwoCores, matrix, 1, 1);
  tasks.Add(0, 1);
  const ProductTask* const data = tasks.tasks().data();
  tasks.Start(kTwoCores, matrix, 1, 1);
  tasks.Add(0, 1);
  EXPECT_EQ(tasks.tasks().data(), data);
}

}  // namespace
}  // namespace foregate::internal
