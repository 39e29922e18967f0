// Routing traces made up for tests: small, deterministic, with what prefetching can and cannot use.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_SYNTHETIC_TRACE_H_
#define FOREGATE_ENGINE_MOE_REPLAY_SYNTHETIC_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/moe/replay/replay_trace.h"

namespace foregate {

enum class SyntheticRouting : uint8_t {
  kSkewed,       // popular experts, and some of the token's before it, and followers of the layer's before it
  kUniform,      // every expert alike: nothing can be learned
  kFollowing,    // a layer's experts follow from the layer's before it; popular ones do not exist
  kTreacherous,  // the same, but who follows whom changes every 24 steps, when it has been learned
};

struct SyntheticShape {
  size_t num_layers = 6;
  int32_t num_experts = 32;
  int32_t top_k = 4;
  uint64_t expert_bytes = 1000;
  size_t num_steps = 400;  // of one row each
};

ReplayTrace SyntheticTrace(SyntheticRouting routing, const SyntheticShape& shape, uint32_t seed);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_SYNTHETIC_TRACE_H_
