#include "engine/moe/trace/route_trace_format.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>

namespace foregate {
namespace {

absl::Status Refuse(std::string_view name, const std::string& what) {
  return absl::InvalidArgumentError(std::string(name) + ": " + what);
}

bool IsWithin(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

}  // namespace

uint64_t TraceHeader::expert_bytes() const {
  uint64_t sum = 0;
  for (const Layer& layer : layers) sum += layer.expert_bytes * static_cast<uint64_t>(num_experts);
  return sum;
}

absl::Status CheckTraceHeader(const TraceHeader& header, std::string_view name) {
  if (!IsWithin(static_cast<int64_t>(header.layers.size()), 1, kMaxTraceLayers))
    return Refuse(name, std::to_string(header.layers.size()) + " layers, want 1 to " + std::to_string(kMaxTraceLayers));
  if (!IsWithin(header.num_experts, 1, kMaxTraceExperts))
    return Refuse(name, std::to_string(header.num_experts) + " experts, want 1 to " + std::to_string(kMaxTraceExperts));
  if (!IsWithin(header.top_k, 1, std::min(header.num_experts, kMaxTraceTopK)))
    return Refuse(name, "top-" + std::to_string(header.top_k) + " of " + std::to_string(header.num_experts) +
                            " experts, want at most " + std::to_string(kMaxTraceTopK));
  if (header.source.size() > kMaxTraceSourceBytes)
    return Refuse(name, "its source has " + std::to_string(header.source.size()) + " bytes");
  int32_t previous = -1;
  for (const TraceHeader::Layer& layer : header.layers) {
    if (layer.layer <= previous)
      return Refuse(name, "layer " + std::to_string(layer.layer) + " after layer " + std::to_string(previous));
    if (layer.expert_bytes == 0 || layer.expert_bytes > kMaxTraceExpertBytes)
      return Refuse(name, "layer " + std::to_string(layer.layer) + ": an expert of " +
                              std::to_string(layer.expert_bytes) + " bytes");
    previous = layer.layer;
  }
  return absl::OkStatus();
}

absl::Status CheckTraceVisit(const TraceHeader& header, const TraceVisit& visit) {
  // Made when it is needed: a recorder checks every visit.
  const auto refuse = [&](const std::string& what) {
    return Refuse("trace, step " + std::to_string(visit.step), what);
  };
  if (!IsWithin(visit.layer_index, 0, static_cast<int64_t>(header.layers.size()) - 1))
    return refuse("layer number " + std::to_string(visit.layer_index) + " of " + std::to_string(header.layers.size()));
  if (!IsWithin(static_cast<int64_t>(visit.rows.size()), 1, kMaxTraceRows))
    return refuse(std::to_string(visit.rows.size()) + " rows, want 1 to " + std::to_string(kMaxTraceRows));
  const auto top_k = static_cast<size_t>(header.top_k);
  if (visit.experts.size() != visit.rows.size() * top_k)
    return refuse(std::to_string(visit.experts.size()) + " experts for " + std::to_string(visit.rows.size()) +
                  " rows of " + std::to_string(top_k));
  if (visit.weights.size() != (header.has_weights ? visit.experts.size() : 0))
    return refuse(std::to_string(visit.weights.size()) + " weights");
  for (const TraceRow& row : visit.rows)
    if (row.position < 0) return refuse("position " + std::to_string(row.position));
  for (const float weight : visit.weights)
    if (!(std::abs(weight) <= kMaxTraceWeight)) return refuse("mixing weight " + std::to_string(weight));
  for (size_t i = 0; i < visit.experts.size(); ++i) {
    const int32_t expert = visit.experts[i];
    if (!IsWithin(expert, 0, header.num_experts - 1))
      return refuse("expert " + std::to_string(expert) + " of " + std::to_string(header.num_experts));
    const auto row = visit.experts.begin() + static_cast<ptrdiff_t>(i - i % top_k);
    const auto here = visit.experts.begin() + static_cast<ptrdiff_t>(i);
    if (std::find(row, here, expert) != here) return refuse("expert " + std::to_string(expert) + " twice in a row");
  }
  return absl::OkStatus();
}

uint64_t TraceChecksum(std::string_view frame, std::string_view payload) {
  return XXH3_64bits_withSeed(payload.data(), payload.size(), XXH3_64bits(frame.data(), frame.size()));
}

}  // namespace foregate
