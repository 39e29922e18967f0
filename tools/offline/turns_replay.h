// Streams that decode side by side against an expert cache of given bytes, in virtual time, with and without turns
// (engine/schedule/expert_turns.h): what grouping streams by their experts would save, and whom it makes wait.
//
// A step takes the next token of every stream that does not sit out and computes layer by layer: resident experts
// first, while absent ones are read on demand, one request each; memory and its policy are those of a replay
// (engine/moe/replay), without prefetch. A stream that is at its end begins anew. Deterministic; thread-safe.
#ifndef FOREGATE_TOOLS_OFFLINE_TURNS_REPLAY_H_
#define FOREGATE_TOOLS_OFFLINE_TURNS_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/replay/replay_trace.h"

namespace foregate {

struct TurnsReplayOptions {
  uint64_t memory_bytes = 0;
  double bytes_per_second = 0;    // of the disk
  double expert_seconds = 0;      // to compute one expert
  double layer_seconds = 0;       // of a layer before it routes
  int32_t max_passed_over = 0;    // steps in a row that a stream may sit out; 0: none
  uint64_t num_tokens = 0;        // of all streams together, at least
  uint64_t num_first_tokens = 0;  // of these, that are not counted below: memory fills
};

struct TurnsReplayResult {
  uint64_t num_tokens = 0;
  uint64_t num_steps = 0;
  double seconds = 0;
  uint64_t bytes_read = 0;
  double longest_wait_seconds = 0;      // between two tokens of a stream
  std::vector<uint64_t> stream_tokens;  // by stream

  double tokens_per_second() const { return seconds > 0 ? static_cast<double>(num_tokens) / seconds : 0; }
  // The least tokens of a stream over the most.
  double evenness() const;
};

// `tokens`: row s of step i is the i-th token of stream s, in every layer (DecodeTokens::Compose makes such traces).
// INVALID_ARGUMENT when it is not such a trace, when the memory does not hold two of the largest expert, without a
// bandwidth, or when no token is left to count.
absl::StatusOr<TurnsReplayResult> ReplayTurns(const ReplayTrace& tokens, const TurnsReplayOptions& options);

struct TurnsReport {
  struct Line {
    double memory_percent = 0;
    TurnsReplayResult without;
    TurnsReplayResult with;
  };
  std::string name;
  size_t num_streams = 0;
  int32_t max_passed_over = 0;
  std::vector<Line> lines;
};
// One line for each of the memories; `options` without and with its turns.
absl::StatusOr<TurnsReport> CompareTurns(const ReplayTrace& tokens, std::string name,
                                         const std::vector<double>& memory_percents, TurnsReplayOptions options);

std::string TurnsTable(const TurnsReport& report);
std::string TurnsJson(const TurnsReport& report);  // an object and a line's end

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_TURNS_REPLAY_H_
