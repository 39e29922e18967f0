#include "engine/sample/logits_processor.h"

#include <limits>

namespace foregate {

LogitsProcessor::LogitsProcessor(const GenerationRequest* request) : request_(request) {
  const SamplingParams& params = request->sampling;
  has_penalties_ =
      params.repetition_penalty != 1.0f || params.presence_penalty != 0.0f || params.frequency_penalty != 0.0f;
  if (has_penalties_)
    for (const int32_t token : request->prompt) seen_[token].in_prompt = true;
}

void LogitsProcessor::OnToken(int32_t token) {
  ++num_output_;
  if (has_penalties_) ++seen_[token].num_output;
}

bool LogitsProcessor::active() const {
  return has_penalties_ || !request_->sampling.logit_bias.empty() || masks_stop_ids();
}

void LogitsProcessor::Apply(std::span<float> logits) const {
  const SamplingParams& params = request_->sampling;
  const auto in_range = [&](int32_t token) { return token >= 0 && static_cast<size_t>(token) < logits.size(); };
  for (const auto& [token, bias] : params.logit_bias)
    if (in_range(token)) logits[static_cast<size_t>(token)] += bias;
  if (masks_stop_ids()) {
    for (const int32_t token : request_->stop_token_ids)
      if (in_range(token)) logits[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
  }
  for (const auto& [token, seen] : seen_) {
    if (!in_range(token)) continue;
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (seen.num_output > 0)
      logit -= params.presence_penalty + params.frequency_penalty * static_cast<float>(seen.num_output);
  }
}

}  // namespace foregate
