// Batch: one step's work as flat host arrays, the form that the model consumes. A value.
#ifndef FOREGATE_ENGINE_SCHEDULE_BATCH_H_
#define FOREGATE_ENGINE_SCHEDULE_BATCH_H_

#include <cstdint>
#include <vector>

namespace foregate {

// Rows of one sequence are adjacent and ascending by position; sequences may contribute one row (decode) or many
// (a prefill chunk).
struct Batch {
  std::vector<int32_t> token_ids;      // [num_rows]
  std::vector<int32_t> positions;      // [num_rows], from 0
  std::vector<int32_t> slots;          // [num_rows] KV slot that the row writes: block * block_size + offset
  std::vector<int32_t> row_sequences;  // [num_rows] index of the row's sequence in this batch, ascending
  std::vector<int32_t> block_tables;   // [num_sequences, max_blocks], unused entries 0
  int32_t num_sequences = 0;
  int32_t max_blocks = 0;
  std::vector<int32_t> logits_rows;  // rows whose logits are wanted, ascending; may be empty

  int32_t num_rows() const { return static_cast<int32_t>(token_ids.size()); }
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_BATCH_H_
