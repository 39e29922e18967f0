#include "engine/moe/replay/synthetic_trace.h"

#include <algorithm>
#include <random>
#include <sstream>
#include <vector>

#include "engine/moe/trace/route_trace_writer.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

class Generator {
 public:
  Generator(SyntheticRouting routing, const SyntheticShape& shape, uint32_t seed)
      : routing_(routing), shape_(shape), random_(seed), last_(shape.num_layers) {}

  std::vector<int32_t> Row(size_t step, size_t layer) {
    std::vector<int32_t> row;
    while (row.size() < static_cast<size_t>(shape_.top_k)) {
      const int32_t expert = Draw(step, layer, row.size());
      if (std::find(row.begin(), row.end(), expert) == row.end()) row.push_back(expert);
    }
    last_[layer] = row;
    return row;
  }

 private:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  int32_t Any() { return static_cast<int32_t>(Below(static_cast<uint32_t>(shape_.num_experts))); }
  int32_t Follower(size_t layer, size_t rank, size_t era) {
    const auto before = static_cast<size_t>(last_[layer - 1][rank]);
    return static_cast<int32_t>((before * (2 * era + 1) + 7 * layer + 5 * era) %
                                static_cast<size_t>(shape_.num_experts));
  }
  int32_t Draw(size_t step, size_t layer, size_t rank) {
    const uint32_t kind = Below(10);
    switch (routing_) {
      case SyntheticRouting::kUniform:
        return Any();
      case SyntheticRouting::kFollowing:
        return layer > 0 && kind < 8 ? Follower(layer, rank, 0) : Any();
      case SyntheticRouting::kTreacherous:
        return layer > 0 && kind < 8 ? Follower(layer, rank, step / 24) : Any();
      case SyntheticRouting::kSkewed:
        if (kind < 3 && !last_[layer].empty()) return last_[layer][Below(static_cast<uint32_t>(shape_.top_k))];
        if (kind < 6) return static_cast<int32_t>((layer * 5 + Below(8)) % static_cast<size_t>(shape_.num_experts));
        return kind < 8 && layer > 0 ? Follower(layer, rank, 0) : Any();
    }
    return 0;
  }

  const SyntheticRouting routing_;
  const SyntheticShape shape_;
  std::mt19937 random_;
  std::vector<std::vector<int32_t>> last_;  // by layer: of the token before
};

}  // namespace

ReplayTrace SyntheticTrace(SyntheticRouting routing, const SyntheticShape& shape, uint32_t seed) {
  TraceHeader header;
  header.num_experts = shape.num_experts;
  header.top_k = shape.top_k;
  for (size_t i = 0; i < shape.num_layers; ++i) header.layers.push_back({static_cast<int32_t>(i), shape.expert_bytes});
  std::string file;
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  FOREGATE_CHECK(writer.ok());
  Generator generator(routing, shape, seed);
  const std::vector<TraceRow> rows(1);
  for (size_t step = 0; step < shape.num_steps; ++step) {
    for (size_t layer = 0; layer < shape.num_layers; ++layer) {
      const absl::Status written = writer->Write({.step = step,
                                                  .layer_index = static_cast<int32_t>(layer),
                                                  .rows = rows,
                                                  .experts = generator.Row(step, layer),
                                                  .weights = {}});
      FOREGATE_CHECK(written.ok());
    }
  }
  FOREGATE_CHECK(writer->Finish().ok());
  std::istringstream stream(file);
  auto reader = TraceReader::Open(stream, "synthetic");
  FOREGATE_CHECK(reader.ok());
  auto trace = ReplayTrace::Read(*reader);
  FOREGATE_CHECK(trace.ok());
  return *std::move(trace);
}

}  // namespace foregate
