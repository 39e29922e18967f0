// BatchBuilder: turns the rows of each scheduled sequence into the flat arrays of a Batch. Reuses its storage.
#ifndef FOREGATE_ENGINE_SCHEDULE_BATCH_BUILDER_H_
#define FOREGATE_ENGINE_SCHEDULE_BATCH_BUILDER_H_

#include <cstdint>
#include <span>

#include "engine/schedule/batch.h"

namespace foregate {

enum class WantedLogits : uint8_t { kNone, kLastRow, kEveryRow };

// Rows [first_position, first_position + tokens.size()) of one sequence.
struct BatchSequence {
  std::span<const int32_t> tokens;
  int32_t first_position = 0;
  std::span<const int32_t> blocks;  // its whole block table, covering the last row
  WantedLogits wanted = WantedLogits::kNone;
};

// Takes the memory of the largest batch, so that no step has to. Untouched pages cost nothing.
void ReserveBatch(int32_t max_rows, int32_t max_sequences, int32_t max_blocks, Batch* batch);

// Overwrites `batch`. The spans need to live during the call only.
void BuildBatch(std::span<const BatchSequence> sequences, int32_t block_size, Batch* batch);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_BATCH_BUILDER_H_
