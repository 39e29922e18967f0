// Streams of tokens that are made up, each about a topic: what grouping streams by their experts can live on.
//
// In every layer experts have a heat (the r-th hottest 1 / (r + 8), shuffled) and a topic each; a token of a stream
// draws its experts by heat, those of the stream's topic as if they were `strength` times as hot. Two experts of one
// topic so meet t (f^2 + t - 1) / (f + t - 1)^2 times as often as by chance, with t topics and strength f: published
// co-activation tables have 1.6 to 2.3 in their most frequent pairs (Qwen3-30B-A3B), 2 to 8 (Qwen3-Next) and 1.7 in the
// median (GLM-5.2); 4 topics at a strength of 8 give 2.2, 8 topics at 16 give 4.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_TOPIC_TRACE_H_
#define FOREGATE_ENGINE_MOE_REPLAY_TOPIC_TRACE_H_

#include <cstddef>
#include <cstdint>

#include "engine/moe/replay/replay_trace.h"
#include "engine/moe/trace/route_trace_format.h"

namespace foregate {

struct TopicMix {
  size_t num_topics = 1;        // 1: streams do not differ
  double strength = 1;          // at least 1; 1: streams do not differ
  size_t tokens_per_topic = 0;  // then a stream goes on with the next topic; 0: never
};

// Row s of step i is the i-th token of stream s, which begins with topic s modulo their number. Deterministic.
ReplayTrace TopicDecodeTrace(const TraceHeader& header, const TopicMix& mix, size_t num_streams, size_t num_steps,
                             uint64_t seed);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_TOPIC_TRACE_H_
