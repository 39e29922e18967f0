// A routing trace that is made up: streams that decode side by side, each about a topic, to be replayed like a recorded
// one. What it is for: the shared traces are single texts, and how much streams differ is what turns live on.
#ifndef FOREGATE_TOOLS_OFFLINE_MADE_TRACE_H_
#define FOREGATE_TOOLS_OFFLINE_MADE_TRACE_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

struct MadeTraceOptions {
  int32_t num_layers = 16;
  int32_t num_experts = 64;
  int32_t top_k = 8;
  uint64_t expert_bytes = 12'582'912;
  int32_t num_streams = 16;
  int32_t num_tokens = 150;  // of each stream
  int32_t num_topics = 0;    // 0: every expert alike, for all; else topic_trace.h
  double strength = 16;
  int32_t tokens_per_topic = 0;  // then a stream goes on with the next; 0: never
  uint64_t seed = 1;
};

// Streams are requests, numbered from 0. How many visits were written; the sink's error; INVALID_ARGUMENT for a shape
// outside a trace's limits, and naming flags and limit for more than 2^27 choices.
absl::StatusOr<uint64_t> WriteMadeTrace(const MadeTraceOptions& options,
                                        const std::function<absl::Status(std::string_view)>& sink);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_MADE_TRACE_H_
