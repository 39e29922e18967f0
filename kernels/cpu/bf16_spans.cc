#include "kernels/cpu/bf16_spans.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

namespace foregate::internal {
namespace {

constexpr auto kPanel = static_cast<int32_t>(kPanelOutputs);

// Of a chunk's values, 16 dimensions.
constexpr int64_t kPanelElements = int64_t{kBf16ValueChunk} * kPanelOutputs;

int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

}  // namespace

void Bf16Spans::Score(int32_t span_begin, Positions positions) const {
  if (pairs_.serves()) return pairs_.Score(span_begin, positions);
  for (int32_t position = positions.begin / kPanel * kPanel; position < positions.end;) {
    position = ScoreBlock(span_begin, position, positions.end);
  }
}

int32_t Bf16Spans::ScoreBlock(int32_t span_begin, int32_t first, int32_t end) const {
  const KvIndex& index = run_.index();
  const auto* keys = run_.kv().keys.as<const uint16_t>();
  if (index.has_packed_panels()) {
    const auto offset = static_cast<int32_t>(first % index.block_size);
    const int32_t after =
        std::min(first - offset + static_cast<int32_t>(index.block_size), static_cast<int32_t>(RoundUp(end, kPanel)));
    ScorePanels(keys + run_.HeadOfBlock(first) + offset * index.head_dim, after - first,
                run_.Scores(0, span_begin, first));
    return after;
  }
  std::vector<uint16_t>& panel = run_.scratch().copied_panels;
  panel.assign(static_cast<size_t>(RoundUp(index.head_dim, 2) * kPanel), 0);
  for (int32_t i = 0; i < std::min(kPanel, end - first); ++i) {
    if (first + i < run_.visible_to_any().begin) continue;
    const int64_t slot = run_.Slot(first + i);
    for (int64_t d = 0; d < index.head_dim; ++d) {
      panel[static_cast<size_t>(d / 2 * 2 * kPanel + i * 2 + d % 2)] = keys[index.Key(slot, run_.kv_head(), d)];
    }
  }
  ScorePanels(panel.data(), kPanel, run_.Scores(0, span_begin, first));
  return first + kPanel;
}

void Bf16Spans::ScorePanels(const uint16_t* panels, int64_t num_positions, float* scores) const {
  const int64_t head_dim = run_.index().head_dim;
  isa_.float_panels[1]({.x = run_.q(),
                        .x_stride = head_dim,
                        .x_rows = run_.scratch().q_rows.data(),
                        .num_rows = run_.num_query_rows(),
                        .k_end = head_dim,
                        .panels = panels,
                        .panel_stride = static_cast<size_t>(RoundUp(head_dim, 2) * kPanel) * sizeof(uint16_t),
                        .num_outputs = num_positions,
                        .out = scores,
                        .out_stride = kAttentionSpan,
                        .accumulate = false});
}

void Bf16Spans::AddValues(int32_t span_begin, Positions positions) const {
  const KvIndex& index = run_.index();
  // Chains go on from block to block; a tile's sum ends with its chunk, which must lie in one piece.
  const bool in_place = index.has_packed_panels() &&
                        (index.block_size % kBf16ValueChunk == 0 || isa_.bf16_products != Bf16Products::kTiles);
  const Positions common =
      in_place ? run_.VisibleToAll(positions, kBf16ValueChunk) : Positions{positions.begin, positions.begin};
  const auto add_copied = [&](Positions some) {
    for (int32_t chunk = some.begin / kBf16ValueChunk * kBf16ValueChunk; chunk < some.end; chunk += kBf16ValueChunk) {
      AddCopiedChunk(span_begin, chunk, Intersect(some, {chunk, chunk + kBf16ValueChunk}));
    }
  };
  add_copied({positions.begin, common.begin});
  if (!common.empty()) AddChunks(span_begin, common);
  add_copied({common.end, positions.end});
}

void Bf16Spans::AddPanels(const uint16_t* panels, int64_t panel_stride, int64_t count, const float* probabilities,
                          int64_t first_query_row, int64_t num_query_rows) const {
  isa_.float_panels[1]({.x = probabilities,
                        .x_stride = kAttentionSpan,
                        .x_rows = nullptr,
                        .num_rows = num_query_rows,
                        .k_end = count,
                        .panels = panels,
                        .panel_stride = static_cast<size_t>(panel_stride) * sizeof(uint16_t),
                        .num_outputs = run_.index().head_dim,
                        .out = run_.Weighted(first_query_row),
                        .out_stride = run_.index().head_dim,
                        .accumulate = true});
}

void Bf16Spans::AddChunks(int32_t span_begin, Positions positions) const {
  if (pairs_.serves()) return pairs_.AddChunks(span_begin, positions);
  const KvIndex& index = run_.index();
  const auto block = static_cast<int32_t>(index.block_size);
  for (int32_t first = positions.begin; first < positions.end;) {
    const int32_t end = std::min(positions.end, (first / block + 1) * block);
    const uint16_t* panels =
        run_.kv().values.as<const uint16_t>() + run_.HeadOfBlock(first) + first % block * kPanelOutputs;
    AddPanels(panels, index.block_size * kPanelOutputs, end - first, run_.Scores(0, span_begin, first), 0,
              run_.num_query_rows());
    first = end;
  }
}

void Bf16Spans::AddCopiedChunk(int32_t span_begin, int32_t chunk, Positions seen_by_any) const {
  const KvIndex& index = run_.index();
  std::vector<uint16_t>& panels = run_.scratch().copied_panels;
  panels.assign(static_cast<size_t>(RoundUp(index.head_dim, kPanelOutputs) * kBf16ValueChunk), 0);
  // From rows to rows that see other positions only the difference is written.
  Positions copied = {chunk, chunk};
  run_.ForEqualRows(seen_by_any, [&](int64_t first_query_row, int64_t num_query_rows, Positions seen) {
    for (int32_t pair = chunk; pair < chunk + kBf16ValueChunk; pair += 2) {
      if (seen.Has(pair) == copied.Has(pair) && seen.Has(pair + 1) == copied.Has(pair + 1)) continue;
      CopyPair(pair, seen, panels.data() + (pair - chunk) * kPanelOutputs);
    }
    copied = seen;
    for (int64_t i = first_query_row; i < first_query_row + num_query_rows; ++i) {
      float* scores = run_.Scores(i, span_begin, chunk);
      std::fill(scores, scores + (seen.begin - chunk), 0.0f);
      std::fill(scores + (seen.end - chunk), scores + kBf16ValueChunk, 0.0f);
    }
    AddPanels(panels.data(), kPanelElements, kBf16ValueChunk, run_.Scores(first_query_row, span_begin, chunk),
              first_query_row, num_query_rows);
  });
}

void Bf16Spans::CopyPair(int32_t pair, Positions seen, uint16_t* to) const {
  const KvIndex& index = run_.index();
  const auto* values = run_.kv().values.as<const uint16_t>();
  if (!index.has_packed_panels()) {
    for (int32_t i = 0; i < 2; ++i) {
      const bool is_seen = seen.Has(pair + i);
      const int64_t slot = is_seen ? run_.Slot(pair + i) : 0;
      for (int64_t d = 0; d < index.head_dim; ++d) {
        to[d / kPanelOutputs * kPanelElements + d % kPanelOutputs * 2 + i] =
            is_seen ? values[index.Value(slot, run_.kv_head(), d)] : uint16_t{0};
      }
    }
    return;
  }
  // The low halves are the even position's.
  const uint32_t mask = (seen.Has(pair) ? 0x0000ffffu : 0) | (seen.Has(pair + 1) ? 0xffff0000u : 0);
  const int64_t from = mask == 0 ? 0 : run_.HeadOfBlock(pair) + pair % index.block_size * kPanelOutputs;
  for (int64_t d = 0; d < index.head_dim; d += kPanelOutputs) {
    uint32_t line[kPanelOutputs] = {};
    if (mask != 0) std::memcpy(line, values + from + d * index.block_size, sizeof(line));
    for (uint32_t& both : line) both &= mask;
    std::memcpy(to + d / kPanelOutputs * kPanelElements, line, sizeof(line));
  }
}

}  // namespace foregate::internal
