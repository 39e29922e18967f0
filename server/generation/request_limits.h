// The limits of inference.proto, each with one home: GetModel reports them and ValidateCall holds requests to them.
// Pure.
#ifndef FOREGATE_SERVER_GENERATION_REQUEST_LIMITS_H_
#define FOREGATE_SERVER_GENERATION_REQUEST_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "engine/request/generation_request.h"
#include "server/generation/generation_call.h"

namespace foregate {

inline constexpr int32_t kMaxSamples = 16;
inline constexpr int32_t kMaxLogprobs = 20;
inline constexpr int32_t kMaxStopStrings = 16;
inline constexpr size_t kMaxStopStringBytes = 256;
inline constexpr int32_t kMaxStopTokenIds = 64;
inline constexpr int32_t kMaxLogitBias = 1024;
inline constexpr float kMaxLogitBiasMagnitude = 100.0f;
inline constexpr float kMaxPenaltyMagnitude = 2.0f;
inline constexpr int32_t kMaxPriorityMagnitude = 100;
inline constexpr size_t kMaxCacheSaltBytes = 256;

// Everything that can be said without the model. INVALID_ARGUMENT with the path of the first field at fault, its value
// and its bounds.
absl::Status ValidateCall(const GenerationCall& call);

// The same bounds for resolved parameters, whose defaults came from the checkpoint: FAILED_PRECONDITION naming the key
// of generation_config.json and the field that overrides it.
absl::Status ValidateResolvedSampling(const SamplingParams& sampling);

// INVALID_ARGUMENT naming `field`[index] unless every id is in [0, vocab_size).
absl::Status ValidateTokenIds(const std::vector<int32_t>& ids, int32_t vocab_size, const std::string& field);

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_REQUEST_LIMITS_H_
