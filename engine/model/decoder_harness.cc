#include "engine/model/decoder_harness.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr int32_t kNumBlocks = 67;

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "%s\n", std::string(value.status().message()).c_str());
    std::abort();
  }
  return std::move(value).value();
}

// Scattered over the pool, so that a wrong block table shows. 29 and 67 have no common divisor.
int32_t NthBlock(int32_t n) {
  FOREGATE_CHECK_LT(n, kNumBlocks);
  return n * 29 % kNumBlocks;
}

}  // namespace

DecoderHarness::DecoderHarness(LoadOptions options, const Backend& backend) : backend_(backend) {
  options.block_size = kBlockSize;
  decoder_ = OrDie(LoadDecoder(options, backend));
  for (const KvLayout& layout : decoder_->kv_layouts()) {
    KvLayerView view;
    for (const KvPlane& plane : layout.planes) {
      const int64_t num_slots = int64_t{kNumBlocks} * kBlockSize;
      const size_t num_bytes = static_cast<size_t>(num_slots * plane.heads * plane.width) * ElementBytes(plane.dtype);
      planes_.push_back(OrDie(backend.device->Allocate(num_bytes, MemorySpace::kDevice)));
      view.planes.emplace_back(planes_.back()->data(), plane.dtype,
                               std::initializer_list<int64_t>{num_slots, plane.heads, plane.width});
    }
    kv_.push_back(std::move(view));
  }
}

void DecoderHarness::Reset() {
  sequences_.clear();
  num_blocks_given_ = 0;
}

Batch DecoderHarness::MakeBatch(const std::vector<Chunk>& chunks, bool last_rows_only) {
  Batch batch;
  batch.num_sequences = static_cast<int32_t>(chunks.size());
  for (const Chunk& chunk : chunks) {
    Sequence& sequence = sequences_[chunk.id];
    const auto num_tokens = sequence.num_tokens + static_cast<int32_t>(chunk.tokens.size());
    while (static_cast<int32_t>(sequence.blocks.size()) * kBlockSize < num_tokens)
      sequence.blocks.push_back(NthBlock(num_blocks_given_++));
    batch.max_blocks = std::max(batch.max_blocks, static_cast<int32_t>(sequence.blocks.size()));
  }
  for (size_t i = 0; i < chunks.size(); ++i) {
    Sequence& sequence = sequences_[chunks[i].id];
    for (const int32_t token : chunks[i].tokens) {
      const int32_t position = sequence.num_tokens++;
      if (!last_rows_only) batch.logits_rows.push_back(batch.num_rows());
      batch.token_ids.push_back(token);
      batch.positions.push_back(position);
      batch.slots.push_back(sequence.blocks[static_cast<size_t>(position / kBlockSize)] * kBlockSize +
                            position % kBlockSize);
      batch.row_sequences.push_back(static_cast<int32_t>(i));
    }
    if (last_rows_only) batch.logits_rows.push_back(batch.num_rows() - 1);
    std::vector<int32_t> table = sequence.blocks;
    table.resize(static_cast<size_t>(batch.max_blocks), 0);
    batch.block_tables.insert(batch.block_tables.end(), table.begin(), table.end());
  }
  return batch;
}

DecoderHarness::Result DecoderHarness::Run(const std::vector<Chunk>& chunks, StepControl& control,
                                           bool last_rows_only) {
  const Batch batch = MakeBatch(chunks, last_rows_only);
  auto in_flight = OrDie(decoder_->Launch(batch, kv_, kBlockSize, RankContext{}, control));
  Result result;
  const StepResult step = OrDie(decoder_->Collect(std::move(in_flight)));
  result.logits.resize(batch.token_ids.size());
  const auto vocab = static_cast<size_t>(decoder_->info().vocab_size);
  FOREGATE_CHECK_EQ(step.logits.size(), batch.logits_rows.size() * vocab);
  for (size_t i = 0; i < batch.logits_rows.size(); ++i) {
    const auto row = static_cast<size_t>(batch.logits_rows[i]);
    if (step.dropped[static_cast<size_t>(batch.row_sequences[row])]) continue;
    const auto logits = step.logits.subspan(i * vocab, vocab);
    result.logits[row].assign(logits.begin(), logits.end());
  }
  result.dropped.assign(step.dropped.begin(), step.dropped.end());
  for (const LayerRouting& routing : step.routing) {
    result.routing.push_back({.layer = routing.layer,
                              .rows = {routing.rows.begin(), routing.rows.end()},
                              .experts = {routing.experts.begin(), routing.experts.end()},
                              .weights = {routing.weights.begin(), routing.weights.end()}});
  }
  return result;
}

DecoderHarness::Result DecoderHarness::Run(const std::vector<Chunk>& chunks) {
  ScriptedControl control;
  return Run(chunks, control);
}

std::vector<std::vector<float>> DecoderHarness::RunInChunks(int id, const std::vector<int32_t>& tokens, size_t chunk) {
  std::vector<std::vector<float>> logits;
  for (size_t first = 0; first < tokens.size(); first += chunk) {
    const size_t end = std::min(tokens.size(), first + chunk);
    Result result = Run({{id, {tokens.begin() + static_cast<long>(first), tokens.begin() + static_cast<long>(end)}}});
    for (std::vector<float>& row : result.logits) logits.push_back(std::move(row));
  }
  return logits;
}

std::vector<int32_t> DecoderHarness::Generate(int id, const std::vector<int32_t>& prompt, size_t num_tokens) {
  std::vector<int32_t> generated;
  std::vector<int32_t> input = prompt;
  while (generated.size() < num_tokens) {
    ScriptedControl control;
    const std::vector<float> logits = Run({{id, input}}, control, /*last_rows_only=*/true).logits.back();
    generated.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    input = {generated.back()};
  }
  return generated;
}

}  // namespace foregate
