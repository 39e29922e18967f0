#include "tools/offline/made_trace.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "engine/moe/replay/decode_trace.h"
#include "engine/moe/replay/topic_trace.h"
#include "engine/moe/trace/route_trace_writer.h"
#include "kernels/base/status_macros.h"

namespace foregate {

namespace {

// All of it is held in memory, at 12 bytes a choice (replay_trace.h).
constexpr uint64_t kMaxChoices = uint64_t{1} << 27;

absl::Status CheckSize(const MadeTraceOptions& options) {
  uint64_t num_choices = 1;
  // Each is within 31 bits and the product is looked at after each: no overflow.
  for (const int32_t factor : {options.num_layers, options.top_k, options.num_streams, options.num_tokens}) {
    num_choices *= static_cast<uint64_t>(std::max(factor, 0));
    if (num_choices > kMaxChoices)
      return absl::InvalidArgumentError(
          "--layers " + std::to_string(options.num_layers) + " x --top-k " + std::to_string(options.top_k) +
          " x --streams " + std::to_string(options.num_streams) + " x --tokens " + std::to_string(options.num_tokens) +
          " are more than " + std::to_string(kMaxChoices) + " choices");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> WriteMadeTrace(const MadeTraceOptions& options,
                                        const std::function<absl::Status(std::string_view)>& sink) {
  FOREGATE_RETURN_IF_ERROR(CheckSize(options));
  TraceHeader header;
  header.source = options.num_topics == 0 ? "made up: even routing"
                                          : "made up: " + std::to_string(options.num_topics) + " topics, strength " +
                                                std::to_string(options.strength);
  header.num_experts = options.num_experts;
  header.top_k = options.top_k;
  for (int32_t i = 0; i < options.num_layers; ++i) header.layers.push_back({i, options.expert_bytes});
  FOREGATE_ASSIGN_OR_RETURN(TraceWriter writer, TraceWriter::Create(header, sink));
  const auto num_streams = static_cast<size_t>(options.num_streams);
  const auto num_steps = static_cast<size_t>(options.num_tokens);
  const ReplayTrace trace = options.num_topics == 0
                                ? UniformDecodeTrace(header, num_streams, num_steps, options.seed)
                                : TopicDecodeTrace(header,
                                                   {.num_topics = static_cast<size_t>(options.num_topics),
                                                    .strength = options.strength,
                                                    .tokens_per_topic = static_cast<size_t>(options.tokens_per_topic)},
                                                   num_streams, num_steps, options.seed);
  TraceVisit written;
  for (size_t i = 0; i < trace.num_visits(); ++i) {
    const ReplayTrace::Visit visit = trace.visit(i);
    written.step = visit.step;
    written.layer_index = visit.layer_index;
    written.rows.resize(visit.num_rows);
    for (size_t row = 0; row < visit.num_rows; ++row)
      written.rows[row] = {.request = row, .position = static_cast<int32_t>(visit.step), .phase = TracePhase::kDecode};
    written.experts.assign(visit.ranked.begin(), visit.ranked.end());
    FOREGATE_RETURN_IF_ERROR(writer.Write(written));
  }
  FOREGATE_RETURN_IF_ERROR(writer.Finish());
  return trace.num_visits();
}

}  // namespace foregate
