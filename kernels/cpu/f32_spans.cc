#include "kernels/cpu/f32_spans.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/base/arithmetic.h"

namespace foregate::internal {
namespace {

constexpr auto kPanel = static_cast<int32_t>(kPanelOutputs);

// Panels that score_keys is told of beyond those that it scores.
constexpr int32_t kPanelsAhead = 4;

// Calls body(positions) for the parts of `positions` that lie in one panel of keys.
template <typename Body>
void ForPanels(const KvIndex& index, Positions positions, const Body& body) {
  const auto panel = static_cast<int32_t>(index.key_panel());
  for (int32_t position = positions.begin; position < positions.end;) {
    const int32_t end = std::min(positions.end, (position / panel + 1) * panel);
    body(Positions{position, end});
    position = end;
  }
}

}  // namespace

void F32Spans::Score(int32_t span_begin, Positions positions) const {
  if (run_.index().has_packed_panels()) return ScorePanels(span_begin, positions);
  ForPanels(run_.index(), positions, [&](Positions part) { ScorePart(span_begin, part); });
}

void F32Spans::AddValues(int32_t span_begin, Positions positions) const {
  const Positions common = run_.index().has_packed_panels() ? run_.VisibleToAll(positions, kPanel)
                                                            : Positions{positions.begin, positions.begin};
  const auto add_parts = [&](Positions some) {
    ForPanels(run_.index(), some, [&](Positions part) {
      run_.ForEqualRows(part, [&](int64_t first_query_row, int64_t num_query_rows, Positions seen) {
        AddPart(span_begin, seen, first_query_row, num_query_rows);
      });
    });
  };
  add_parts({positions.begin, common.begin});
  if (!common.empty()) AddPanels(span_begin, common);
  add_parts({common.end, positions.end});
}

const float* F32Spans::KeyPanel(int32_t position) const {
  const KvIndex& index = run_.index();
  return run_.kv().keys.as<const float>() + run_.HeadOfBlock(position) + position % index.block_size * index.head_dim;
}

const float* F32Spans::ValuePanel(int32_t position) const {
  return run_.kv().values.as<const float>() + run_.HeadOfBlock(position) +
         position % run_.index().block_size * kPanelOutputs;
}

void F32Spans::ScorePanels(int32_t span_begin, Positions positions) const {
  const int32_t first = positions.begin / kPanel * kPanel;
  std::vector<const float*>& panels = run_.scratch().key_panels;
  panels.clear();
  panels.reserve(kAttentionSpan / kPanel + kPanelsAhead);
  for (int32_t position = first; position < positions.end; position += kPanel) panels.push_back(KeyPanel(position));
  const size_t num_panels = panels.size();
  // The values come next.
  for (int32_t i = 0; i < kPanelsAhead; ++i)
    panels.push_back(ValuePanel(std::min(first + i * kPanel, positions.end - 1)));
  isa_.score_keys({.q = run_.q(),
                   .q_rows = run_.scratch().q_rows.data(),
                   .num_rows = run_.num_query_rows(),
                   .head_dim = run_.index().head_dim,
                   .panels = panels.data(),
                   .num_panels = static_cast<int64_t>(num_panels),
                   .out = run_.Scores(0, span_begin, first),
                   .out_stride = kAttentionSpan});
}

void F32Spans::AddPanels(int32_t span_begin, Positions positions) const {
  std::vector<const float*>& panels = run_.scratch().value_panels;
  std::vector<const float*>& next = run_.scratch().next_panels;
  panels.clear();
  next.clear();
  panels.reserve(kAttentionSpan / kPanel);
  next.reserve(kAttentionSpan / kPanel);
  for (int32_t position = positions.begin; position < positions.end; position += kPanel) {
    panels.push_back(ValuePanel(position));
    // The keys of the next span come next.
    const int32_t after = position + kAttentionSpan;
    next.push_back(after < run_.visible_to_any().end ? KeyPanel(after) : panels.back());
  }
  isa_.add_values({.x = run_.Scores(0, span_begin, positions.begin),
                   .x_stride = kAttentionSpan,
                   .num_rows = run_.num_query_rows(),
                   .head_dim = run_.index().head_dim,
                   .panels = panels.data(),
                   .next = next.data(),
                   .num_panels = static_cast<int64_t>(panels.size()),
                   .panel_stride = run_.index().block_size * kPanelOutputs,
                   .out = run_.Weighted(0),
                   .out_stride = run_.index().head_dim});
}

void F32Spans::ScorePart(int32_t span_begin, Positions positions) const {
  const KvIndex& index = run_.index();
  for (int32_t position = positions.begin; position < positions.end; ++position) {
    const float* keys = run_.kv().keys.as<const float>() + index.Key(run_.Slot(position), run_.kv_head(), 0);
    for (int64_t i = 0; i < run_.num_query_rows(); ++i) {
      *run_.Scores(i, span_begin, position) = ChainDot(
          run_.q() + run_.QueryRow(i) * index.head_dim, [&](int64_t d) { return keys[d * index.key_panel()]; },
          index.head_dim);
    }
  }
}

void F32Spans::AddPart(int32_t span_begin, Positions positions, int64_t first_query_row, int64_t num_query_rows) const {
  const KvIndex& index = run_.index();
  const float* probabilities = run_.Scores(first_query_row, span_begin, positions.begin);
  if (index.has_packed_panels()) {
    const float* values =
        run_.kv().values.as<const float>() + index.Value(run_.Slot(positions.begin), run_.kv_head(), 0);
    isa_.float_panels[0]({.x = probabilities,
                          .x_stride = kAttentionSpan,
                          .x_rows = nullptr,
                          .num_rows = num_query_rows,
                          .k_end = positions.size(),
                          .panels = values,
                          .panel_stride = static_cast<size_t>(index.block_size * kPanelOutputs) * sizeof(float),
                          .num_outputs = index.head_dim,
                          .out = run_.Weighted(first_query_row),
                          .out_stride = index.head_dim,
                          .accumulate = true});
    return;
  }
  for (int64_t i = 0; i < num_query_rows; ++i) {
    float* out = run_.Weighted(first_query_row + i);
    for (int32_t p = 0; p < positions.size(); ++p) {
      const int64_t slot = run_.Slot(positions.begin + p);
      for (int64_t d = 0; d < index.head_dim; ++d) {
        const float value = run_.kv().values.as<const float>()[index.Value(slot, run_.kv_head(), d)];
        out[d] = std::fma(probabilities[i * kAttentionSpan + p], value, out[d]);
      }
    }
  }
}

}  // namespace foregate::internal
