// GenerationRequest: one validated request in the engine's terms: token ids in, limits, sampling. Text never gets here.
#ifndef FOREGATE_ENGINE_REQUEST_GENERATION_REQUEST_H_
#define FOREGATE_ENGINE_REQUEST_GENERATION_REQUEST_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/request/sampling_params.h"

namespace foregate {

using SteadyTime = std::chrono::steady_clock::time_point;

struct GenerationRequest {
  std::string id;               // unique among the running requests
  std::vector<int32_t> prompt;  // at least one id, each in [0, vocab)
  SamplingParams sampling;
  int32_t num_samples = 1;              // n: samples share the prompt's KV blocks
  int32_t max_tokens = 0;               // per sample, >= 1
  int32_t min_tokens = 0;               // stop ids are masked until this many tokens exist
  std::vector<int32_t> stop_token_ids;  // end tokens of the model (unless ignored) and the caller's own; sorted
  int32_t priority = 0;                 // larger is sooner; waiting requests age upward
  SteadyTime deadline = SteadyTime::max();
  SteadyTime arrival = {};  // when the RPC arrived: queue time counts from here
  std::string cache_salt;   // prefix blocks are shared only between requests of equal salt
  bool want_expert_stats = false;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_REQUEST_GENERATION_REQUEST_H_
