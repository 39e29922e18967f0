#include "engine/request/sequence.h"

#include "kernels/base/check.h"

namespace foregate {

Sequence::Sequence(std::vector<int32_t> prompt, BlockAllocator* allocator)
    : tokens_(std::move(prompt)), num_prompt_tokens_(static_cast<int32_t>(tokens_.size())), table_(allocator) {
  FOREGATE_CHECK(!tokens_.empty());
}

void Sequence::Admit(BlockTable table, int32_t num_computed) {
  FOREGATE_CHECK(state_ == SequenceState::kWaiting);
  FOREGATE_CHECK_LT(num_computed, num_tokens());  // the last token is always computed, so that logits exist
  state_ = SequenceState::kRunning;
  table_ = std::move(table);
  num_computed_ = num_computed;
}

void Sequence::Reserve(int32_t max_tokens, int32_t block_size) {
  const auto num_tokens = static_cast<size_t>(max_tokens);
  const size_t num_blocks = num_tokens / static_cast<size_t>(block_size) + 1;
  tokens_.reserve(num_tokens);
  table_.Reserve(num_blocks);
  prefix_keys_.reserve(num_blocks);
}

void Sequence::Advance(int32_t num_tokens_done) {
  FOREGATE_CHECK(state_ == SequenceState::kRunning);
  num_computed_ += num_tokens_done;
  FOREGATE_CHECK_LE(num_computed_, num_tokens());
}

void Sequence::AppendToken(int32_t token) {
  FOREGATE_CHECK(state_ == SequenceState::kRunning);
  FOREGATE_CHECK_EQ(num_computed_, num_tokens());
  tokens_.push_back(token);
}

void Sequence::Preempt() {
  FOREGATE_CHECK(state_ == SequenceState::kRunning);
  state_ = SequenceState::kWaiting;
  table_.Clear();
  num_computed_ = 0;
  num_registered_blocks_ = 0;
}

void Sequence::Finish() {
  FOREGATE_CHECK(state_ != SequenceState::kFinished);
  state_ = SequenceState::kFinished;
  table_.Clear();
}

Sequence Sequence::Fork() const {
  FOREGATE_CHECK(state_ == SequenceState::kRunning);
  Sequence fork;
  fork.state_ = state_;
  fork.tokens_ = tokens_;
  fork.num_prompt_tokens_ = num_prompt_tokens_;
  fork.num_computed_ = num_computed_;
  fork.table_ = table_.Share();
  fork.prefix_keys_ = prefix_keys_;
  fork.num_registered_blocks_ = num_registered_blocks_;
  return fork;
}

}  // namespace foregate
