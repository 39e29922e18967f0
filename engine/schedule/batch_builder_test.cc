#include "engine/schedule/batch_builder.h"

#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(BatchBuilderTest, LaysOutRowsSlotsAndLogits) {
  const std::vector<int32_t> decode = {7};
  const std::vector<int32_t> chunk = {1, 2, 3};
  const std::vector<int32_t> decode_blocks = {5};
  const std::vector<int32_t> chunk_blocks = {4, 9, 2};
  const std::vector<BatchSequence> sequences = {{decode, 3, decode_blocks, WantedLogits::kLastRow},
                                                {chunk, 7, chunk_blocks, WantedLogits::kNone}};
  Batch batch;
  BuildBatch(sequences, 4, &batch);
  EXPECT_EQ(batch.num_rows(), 4);
  EXPECT_EQ(batch.num_sequences, 2);
  EXPECT_EQ(batch.max_blocks, 3);
  EXPECT_EQ(batch.token_ids, (std::vector<int32_t>{7, 1, 2, 3}));
  EXPECT_EQ(batch.positions, (std::vector<int32_t>{3, 7, 8, 9}));
  EXPECT_EQ(batch.slots, (std::vector<int32_t>{23, 39, 8, 9}));
  EXPECT_EQ(batch.row_sequences, (std::vector<int32_t>{0, 1, 1, 1}));
  EXPECT_EQ(batch.block_tables, (std::vector<int32_t>{5, 0, 0, 4, 9, 2}));
  EXPECT_EQ(batch.logits_rows, (std::vector<int32_t>{0}));

  // Storage is reused; nothing of the old batch stays.
  const std::vector<BatchSequence> every = {{chunk, 0, chunk_blocks, WantedLogits::kEveryRow}};
  BuildBatch(every, 4, &batch);
  EXPECT_EQ(batch.num_rows(), 3);
  EXPECT_EQ(batch.logits_rows, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(batch.block_tables, chunk_blocks);
}

}  // namespace
}  // namespace foregate
