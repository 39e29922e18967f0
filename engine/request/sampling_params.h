// SamplingParams: how the next token of a sequence is chosen from its logits. A validated value.
//
// Order of application: logit_bias and min-tokens mask, penalties, (temperature == 0: greedy), temperature, top_k,
// top_p, min_p, draw. Reported log-probabilities are those of the raw logits' softmax, before any of it.
#ifndef FOREGATE_ENGINE_REQUEST_SAMPLING_PARAMS_H_
#define FOREGATE_ENGINE_REQUEST_SAMPLING_PARAMS_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace foregate {

struct SamplingParams {
  float temperature = 1.0f;                           // >= 0; 0 is greedy (ties: the smaller id)
  int32_t top_k = 0;                                  // 0: off
  float top_p = 1.0f;                                 // (0, 1]; 1: off
  float min_p = 0.0f;                                 // [0, 1]; 0: off
  float repetition_penalty = 1.0f;                    // > 0; 1: off; over prompt and output tokens
  float presence_penalty = 0.0f;                      // over output tokens
  float frequency_penalty = 0.0f;                     // over output tokens
  std::vector<std::pair<int32_t, float>> logit_bias;  // token id, added to its logit; ids are distinct
  uint64_t seed = 0;
  int32_t num_logprobs = -1;         // alternatives per generated token; -1: no log-probabilities at all
  int32_t num_prompt_logprobs = -1;  // the same for prompt tokens
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_REQUEST_SAMPLING_PARAMS_H_
