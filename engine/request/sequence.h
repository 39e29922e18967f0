// Sequence: the tokens of one sample, how many of them have KV, and the blocks that hold it.
//
//   kWaiting --Admit--> kRunning --Finish--> kFinished
//      ^                  |
//      +-----Preempt------+        (kWaiting --Finish--> kFinished too)
//
// A wrong transition is a broken invariant (CHECK). Thread-compatible; engine thread only.
#ifndef FOREGATE_ENGINE_REQUEST_SEQUENCE_H_
#define FOREGATE_ENGINE_REQUEST_SEQUENCE_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/kv/block_table.h"
#include "engine/kv/prefix_cache.h"

namespace foregate {

enum class SequenceState : uint8_t { kWaiting, kRunning, kFinished };

class Sequence {
 public:
  Sequence(std::vector<int32_t> prompt, BlockAllocator* allocator);

  // `table` holds blocks for all tokens, the first `num_computed` of which have KV already.
  void Admit(BlockTable table, int32_t num_computed);
  // Takes the memory for `max_tokens` tokens (prompt and output) of which `block_size` fill a block, so that growing up
  // to there allocates nothing.
  void Reserve(int32_t max_tokens, int32_t block_size);
  // KV of the next `num_tokens` tokens now exists.
  void Advance(int32_t num_tokens);
  void AppendToken(int32_t token);
  // Gives the blocks back and keeps the tokens, so that they can be computed again.
  void Preempt();
  void Finish();
  // A running sequence with the same tokens and the same blocks.
  Sequence Fork() const;

  SequenceState state() const { return state_; }
  std::span<const int32_t> tokens() const { return tokens_; }
  int32_t num_tokens() const { return static_cast<int32_t>(tokens_.size()); }
  int32_t num_prompt_tokens() const { return num_prompt_tokens_; }
  int32_t num_generated_tokens() const { return num_tokens() - num_prompt_tokens_; }
  int32_t num_computed() const { return num_computed_; }
  BlockTable& table() { return table_; }
  const BlockTable& table() const { return table_; }

  // Prefix keys of the full blocks of tokens(), as far as they were asked for.
  std::vector<PrefixKey>& prefix_keys() { return prefix_keys_; }
  // Blocks of the table that the prefix cache has been told of.
  int32_t num_registered_blocks() const { return num_registered_blocks_; }
  void set_num_registered_blocks(int32_t count) { num_registered_blocks_ = count; }

 private:
  Sequence() = default;

  SequenceState state_ = SequenceState::kWaiting;
  std::vector<int32_t> tokens_;
  int32_t num_prompt_tokens_ = 0;
  int32_t num_computed_ = 0;
  BlockTable table_;
  std::vector<PrefixKey> prefix_keys_;
  int32_t num_registered_blocks_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_REQUEST_SEQUENCE_H_
