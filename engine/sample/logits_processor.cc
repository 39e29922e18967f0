#include "engine/sample/logits_processor.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace foregate {
namespace {

// Room that a request with penalties takes at once, 8 bytes a token and as much for the index; what generates more
// distinct tokens doubles it.
constexpr size_t kMaxReservedTokens = 4096;

// Multiplicative hashing; token ids that follow each other land far apart.
size_t Mix(int32_t token) { return static_cast<size_t>(static_cast<uint32_t>(token) * 0x9e3779b1u) >> 7; }

}  // namespace

LogitsProcessor::LogitsProcessor(const GenerationRequest* request) : request_(request) {
  const SamplingParams& params = request->sampling;
  has_penalties_ =
      params.repetition_penalty != 1.0f || params.presence_penalty != 0.0f || params.frequency_penalty != 0.0f;
  if (!has_penalties_) return;
  const size_t expected =
      std::min(request->prompt.size() + static_cast<size_t>(std::max(request->max_tokens, 0)), kMaxReservedTokens);
  seen_.reserve(expected);
  Rehash(std::bit_ceil(2 * expected + 2));
  for (const int32_t token : request->prompt) Find(token);
}

LogitsProcessor::Seen& LogitsProcessor::Find(int32_t token) {
  size_t place = Mix(token);
  for (;; ++place) {
    place &= places_.size() - 1;
    const int32_t index = places_[place];
    if (index < 0) break;
    if (seen_[static_cast<size_t>(index)].token == token) return seen_[static_cast<size_t>(index)];
  }
  places_[place] = static_cast<int32_t>(seen_.size());
  seen_.push_back({token, 0});
  if (2 * seen_.size() > places_.size()) Rehash(2 * places_.size());
  return seen_.back();
}

void LogitsProcessor::Rehash(size_t num_places) {
  places_.assign(num_places, -1);
  for (size_t i = 0; i < seen_.size(); ++i) {
    size_t place = Mix(seen_[i].token) & (num_places - 1);
    while (places_[place] >= 0) place = (place + 1) & (num_places - 1);
    places_[place] = static_cast<int32_t>(i);
  }
}

void LogitsProcessor::OnToken(int32_t token) {
  ++num_output_;
  if (has_penalties_) ++Find(token).num_output;
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
  for (const Seen& seen : seen_) {
    if (!in_range(seen.token)) continue;
    float& logit = logits[static_cast<size_t>(seen.token)];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (seen.num_output > 0)
      logit -= params.presence_penalty + params.frequency_penalty * static_cast<float>(seen.num_output);
  }
}

}  // namespace foregate
