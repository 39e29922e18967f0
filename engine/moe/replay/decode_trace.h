// Traces of decoding alone, with as many streams as a question is about: made up of uniform routing, or put together
// from the tokens of a recorded trace, whatever batch they were recorded in.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_DECODE_TRACE_H_
#define FOREGATE_ENGINE_MOE_REPLAY_DECODE_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/replay/replay_trace.h"
#include "engine/moe/trace/route_trace_format.h"
#include "engine/moe/trace/route_trace_reader.h"

namespace foregate {

// Every row draws its experts evenly and independently of everything: what a cache can do least about. Deterministic.
// `header` is one that CheckTraceHeader takes.
ReplayTrace UniformDecodeTrace(const TraceHeader& header, size_t num_streams, size_t num_steps, uint64_t seed);

// The tokens of a trace, each with its experts in all layers, in the order of their sequences.
class DecodeTokens {
 public:
  // At most `max_tokens`, the first ones. Tokens that a trace does not have in all layers are left out, and those of
  // prompts unless fewer than kMinTokens were decoded; then these fill up what is left. The reader's errors;
  // INVALID_ARGUMENT when no token is whole.
  static absl::StatusOr<DecodeTokens> Read(TraceReader& reader, size_t max_tokens);
  static constexpr size_t kMinTokens = 16;

  size_t num_tokens() const { return choices_.size() / row_size_; }
  bool has_prompts() const { return has_prompts_; }
  // The trace has more than `max_tokens`.
  bool is_cut() const { return is_cut_; }
  // [layers, top_k], in the order of ranks.
  std::span<const int32_t> choices(size_t token) const {
    return std::span(choices_).subspan(token * row_size_, row_size_);
  }

  // Stream s takes the s-th part of the tokens, from its beginning again when it is through. `header` says what an
  // expert weighs; its shape is the trace's. INVALID_ARGUMENT for more streams than tokens.
  absl::StatusOr<ReplayTrace> Compose(const TraceHeader& header, size_t num_streams, size_t num_steps) const;

 private:
  size_t row_size_ = 1;           // choices of a token: layers x top_k
  std::vector<int32_t> choices_;  // [tokens, layers, top_k]
  bool has_prompts_ = false;
  bool is_cut_ = false;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_DECODE_TRACE_H_
