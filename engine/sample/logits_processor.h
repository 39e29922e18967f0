// LogitsProcessor: the one mask interface between logits and sampling (house contract 9.6). Per sample: it knows the
// tokens so far, as far as penalties need them.
//
// Order: logit bias, min-tokens mask (stop ids become -infinity), then penalties, each on the result of the one before:
//   repetition (prompt and output tokens): l > 0 ? l / r : l * r   (Keskar et al., CTRL, 2019)
//   l -= presence [token was output] + frequency * (times it was output)
// Thread-compatible; copyable, so that a fork of a sample starts from its parent's state.
#ifndef FOREGATE_ENGINE_SAMPLE_LOGITS_PROCESSOR_H_
#define FOREGATE_ENGINE_SAMPLE_LOGITS_PROCESSOR_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/request/generation_request.h"

namespace foregate {

class LogitsProcessor {
 public:
  // `request` outlives the processor and every copy.
  explicit LogitsProcessor(const GenerationRequest* request);

  void OnToken(int32_t token);
  // Whether Apply() would change anything before the next token.
  bool active() const;
  void Apply(std::span<float> logits) const;

 private:
  struct Seen {
    int32_t token = 0;
    int32_t num_output = 0;
  };
  Seen& Find(int32_t token);
  void Rehash(size_t num_places);
  bool masks_stop_ids() const { return num_output_ < request_->min_tokens && !request_->stop_token_ids.empty(); }

  const GenerationRequest* request_;
  bool has_penalties_;
  int32_t num_output_ = 0;
  // Kept only with penalties: the distinct tokens of prompt and output in order of appearance, and an open-addressed
  // index of them (a power of two places, at most half of them taken; -1 is free). Grows by doubling.
  std::vector<Seen> seen_;
  std::vector<int32_t> places_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SAMPLE_LOGITS_PROCESSOR_H_
