// Log-probabilities that are reported: of the raw logits' softmax, before bias, penalties, temperature and truncation.
#ifndef FOREGATE_ENGINE_SAMPLE_LOGPROBS_H_
#define FOREGATE_ENGINE_SAMPLE_LOGPROBS_H_

#include <cstdint>
#include <span>

#include "engine/request/token_sink.h"

namespace foregate {

// The record of `token` with `num_top` alternatives, best first (ties: the smaller id); the rank counts likewise.
// The log-sum-exp is accumulated in double. `num_top` is cut to the vocabulary.
TokenRecord MakeTokenRecord(std::span<const float> logits, int32_t token, int32_t num_top);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SAMPLE_LOGPROBS_H_
