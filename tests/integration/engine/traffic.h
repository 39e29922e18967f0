// Random traffic over a real checkpoint, run alone or together, so that tests can compare every bit of the outcomes.
#ifndef FOREGATE_TESTS_INTEGRATION_ENGINE_TRAFFIC_H_
#define FOREGATE_TESTS_INTEGRATION_ENGINE_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/model/expert_memory.h"
#include "engine/moe/guess_source.h"
#include "engine/request/generation_request.h"
#include "engine/request/token_sink.h"
#include "kernels/api/kernels.h"

namespace foregate {

// How the engine is built: everything here may change the way, never the tokens.
struct EngineVariant {
  EngineOptions options;
  ExpertMemory expert_memory = {};  // by default all experts are resident
  DType kv_dtype = DType::kF32;
  std::optional<GuessSource> prefetch = GuessSource::kRouter;
  // Experts are given more and less memory, from two slots to what was planned, in the middle of it all.
  bool has_memory_pressure = false;
  std::string cache_directory = {};  // of packed containers: experts that have no slot are read from there
};

// Roomy: nothing is preempted, every prompt fits one step, no prefix cache.
EngineVariant RoomyVariant();

// What a request's sink got, as text: equal strings mean equal tokens and bit-equal log-probabilities.
struct Outcome {
  std::string transcript;
  int32_t num_preemptions = 0;
  int32_t num_cached_tokens = 0;
};

// `count` requests of mixed shape: prompts of 1 to 80 tokens (some with a common beginning), greedy and random
// sampling, penalties, several samples, log-probabilities of prompt and output.
std::vector<GenerationRequest> RandomRequests(uint64_t seed, int32_t vocab_size, int count);

// Each request to its end before the next one starts.
std::vector<Outcome> RunAlone(const std::string& model_dir, const EngineVariant& variant, const Backend& backend,
                              const std::vector<GenerationRequest>& requests);

// All requests together: arrivals at random steps, between them strangers that are cancelled halfway.
std::vector<Outcome> RunTogether(const std::string& model_dir, const EngineVariant& variant, const Backend& backend,
                                 const std::vector<GenerationRequest>& requests, uint64_t seed);

}  // namespace foregate

#endif  // FOREGATE_TESTS_INTEGRATION_ENGINE_TRAFFIC_H_
