#include "kernels/cpu/pair_spans.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace foregate::internal {
namespace {

constexpr auto kPanel = static_cast<int32_t>(kPanelOutputs);
// What the kernels are told of beyond the panels that they read now.
constexpr int32_t kPanelsAhead = 4;

const float* AsPairs(const uint16_t* elements) { return reinterpret_cast<const float*>(elements); }
uint16_t* AsElements(std::vector<float>& pairs) { return reinterpret_cast<uint16_t*>(pairs.data()); }

}  // namespace

PairSpans::PairSpans(const IsaTable& isa, const AttentionRun& run)
    : isa_(isa),
      run_(run),
      serves_(isa.pair_spans.round != nullptr && run.index().has_packed_panels() &&
              run.index().block_size % kBf16ValueChunk == 0) {
  if (!serves_) return;
  AttentionScratch& scratch = run_.scratch();
  const int64_t head_dim = run_.index().head_dim;
  const int64_t rows = run_.num_query_rows();
  scratch.query_pairs.resize(static_cast<size_t>(rows * head_dim / 2));
  scratch.score_pairs.resize(static_cast<size_t>(rows * kAttentionSpan / 2));
  scratch.pair_rows.resize(static_cast<size_t>(rows));
  std::iota(scratch.pair_rows.begin(), scratch.pair_rows.end(), 0);
  for (int64_t i = 0; i < rows; ++i) {
    isa_.pair_spans.round(run_.q() + run_.QueryRow(i) * head_dim, head_dim,
                          AsElements(scratch.query_pairs) + i * head_dim);
  }
}

const float* PairSpans::KeyPanel(int32_t position) const {
  const KvIndex& index = run_.index();
  return AsPairs(run_.kv().keys.as<const uint16_t>() + run_.HeadOfBlock(position) +
                 position % index.block_size * index.head_dim);
}

const float* PairSpans::ValuePanel(int32_t position) const {
  return AsPairs(run_.kv().values.as<const uint16_t>() + run_.HeadOfBlock(position) +
                 position % run_.index().block_size * kPanelOutputs);
}

void PairSpans::Score(int32_t span_begin, Positions positions) const {
  const int32_t first = positions.begin / kPanel * kPanel;
  std::vector<const float*>& panels = run_.scratch().key_panels;
  panels.clear();
  panels.reserve(kAttentionSpan / kPanel + kPanelsAhead);
  for (int32_t position = first; position < positions.end; position += kPanel) panels.push_back(KeyPanel(position));
  const size_t num_panels = panels.size();
  // The values come next.
  for (int32_t i = 0; i < kPanelsAhead; ++i) {
    panels.push_back(ValuePanel(std::min(first + i * kPanel, positions.end - 1)));
  }
  isa_.pair_spans.score_keys({.q = run_.scratch().query_pairs.data(),
                              .q_rows = run_.scratch().pair_rows.data(),
                              .num_rows = run_.num_query_rows(),
                              .head_dim = run_.index().head_dim / 2,
                              .panels = panels.data(),
                              .num_panels = static_cast<int64_t>(num_panels),
                              .out = run_.Scores(0, span_begin, first),
                              .out_stride = kAttentionSpan});
}

void PairSpans::AddChunks(int32_t span_begin, Positions positions) const {
  AttentionScratch& scratch = run_.scratch();
  for (int64_t i = 0; i < run_.num_query_rows(); ++i) {
    isa_.pair_spans.round(run_.Scores(i, span_begin, positions.begin), positions.size(),
                          AsElements(scratch.score_pairs) + i * kAttentionSpan);
  }
  std::vector<const float*>& panels = scratch.value_panels;
  std::vector<const float*>& next = scratch.next_panels;
  panels.clear();
  next.clear();
  panels.reserve(kAttentionSpan / kBf16ValueChunk);
  next.reserve(kAttentionSpan / kBf16ValueChunk);
  for (int32_t position = positions.begin; position < positions.end; position += kBf16ValueChunk) {
    panels.push_back(ValuePanel(position));
    // The keys of the next span come next.
    const int32_t after = position + kAttentionSpan;
    next.push_back(after < run_.visible_to_any().end ? KeyPanel(after) : panels.back());
  }
  isa_.pair_spans.add_values({.x = scratch.score_pairs.data(),
                              .x_stride = kAttentionSpan / 2,
                              .num_rows = run_.num_query_rows(),
                              .head_dim = run_.index().head_dim,
                              .panels = panels.data(),
                              .next = next.data(),
                              .num_panels = static_cast<int64_t>(panels.size()),
                              .panel_stride = run_.index().block_size * kPanelOutputs / 2,
                              .out = run_.Weighted(0),
                              .out_stride = run_.index().head_dim});
}

}  // namespace foregate::internal
