#include "engine/request/sequence.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

BlockTable TwoBlocks(BlockAllocator* allocator) {
  BlockTable table(allocator);
  table.Append(*allocator->Allocate());
  table.Append(*allocator->Allocate());
  return table;
}

TEST(SequenceTest, LivesThroughItsStates) {
  BlockAllocator allocator(4);
  Sequence sequence({1, 2, 3}, &allocator);
  EXPECT_EQ(sequence.state(), SequenceState::kWaiting);
  sequence.Admit(TwoBlocks(&allocator), 2);
  sequence.Advance(1);
  sequence.AppendToken(9);
  EXPECT_EQ(sequence.num_generated_tokens(), 1);
  EXPECT_EQ(sequence.num_computed(), 3);
  sequence.Preempt();
  EXPECT_EQ(sequence.state(), SequenceState::kWaiting);
  EXPECT_EQ(sequence.num_tokens(), 4);
  EXPECT_EQ(sequence.num_computed(), 0);
  EXPECT_EQ(allocator.num_free(), 4);
  sequence.Admit(TwoBlocks(&allocator), 0);
  sequence.Finish();
  EXPECT_EQ(sequence.state(), SequenceState::kFinished);
  EXPECT_EQ(allocator.num_free(), 4);
}

TEST(SequenceTest, ForkSharesBlocksAndDivergesInTokens) {
  BlockAllocator allocator(4);
  Sequence first({1, 2, 3}, &allocator);
  first.Admit(TwoBlocks(&allocator), 0);
  first.Advance(3);
  Sequence second = first.Fork();
  first.AppendToken(7);
  second.AppendToken(8);
  EXPECT_EQ(allocator.num_used(), 2);
  EXPECT_EQ(first.tokens().back(), 7);
  EXPECT_EQ(second.tokens().back(), 8);
  first.Finish();
  EXPECT_EQ(allocator.num_used(), 2);
  second.Finish();
  EXPECT_EQ(allocator.num_used(), 0);
}

TEST(SequenceDeathTest, WrongTransitionsAreBrokenInvariants) {
  BlockAllocator allocator(4);
  Sequence sequence({1, 2}, &allocator);
  EXPECT_DEATH(sequence.Advance(1), "CHECK failed");
  EXPECT_DEATH(sequence.Admit(BlockTable(&allocator), 2), "CHECK failed");
}

}  // namespace
}  // namespace foregate
