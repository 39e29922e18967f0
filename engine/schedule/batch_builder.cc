#include "engine/schedule/batch_builder.h"

#include <algorithm>

namespace foregate {

void ReserveBatch(int32_t max_rows, int32_t max_sequences, int32_t max_blocks, Batch* batch) {
  for (std::vector<int32_t>* rows :
       {&batch->token_ids, &batch->positions, &batch->slots, &batch->row_sequences, &batch->logits_rows})
    rows->reserve(static_cast<size_t>(max_rows));
  batch->block_tables.reserve(static_cast<size_t>(max_sequences) * static_cast<size_t>(max_blocks));
}

void BuildBatch(std::span<const BatchSequence> sequences, int32_t block_size, Batch* batch) {
  batch->token_ids.clear();
  batch->positions.clear();
  batch->slots.clear();
  batch->row_sequences.clear();
  batch->logits_rows.clear();
  batch->num_sequences = static_cast<int32_t>(sequences.size());
  batch->max_blocks = 0;
  for (const BatchSequence& sequence : sequences)
    batch->max_blocks = std::max(batch->max_blocks, static_cast<int32_t>(sequence.blocks.size()));
  batch->block_tables.assign(sequences.size() * static_cast<size_t>(batch->max_blocks), 0);

  for (size_t s = 0; s < sequences.size(); ++s) {
    const BatchSequence& sequence = sequences[s];
    std::copy(sequence.blocks.begin(), sequence.blocks.end(),
              batch->block_tables.begin() + static_cast<std::ptrdiff_t>(s * static_cast<size_t>(batch->max_blocks)));
    int32_t position = sequence.first_position;
    for (size_t i = 0; i < sequence.tokens.size(); ++i, ++position) {
      const bool last = i + 1 == sequence.tokens.size();
      if (sequence.wanted == WantedLogits::kEveryRow || (last && sequence.wanted == WantedLogits::kLastRow))
        batch->logits_rows.push_back(batch->num_rows());
      batch->token_ids.push_back(sequence.tokens[i]);
      batch->positions.push_back(position);
      batch->slots.push_back(sequence.blocks[static_cast<size_t>(position / block_size)] * block_size +
                             position % block_size);
      batch->row_sequences.push_back(static_cast<int32_t>(s));
    }
  }
}

}  // namespace foregate
