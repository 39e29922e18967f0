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
#include <unordered_map>

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
    bool in_prompt = false;
    int32_t num_output = 0;
  };
  bool masks_stop_ids() const { return num_output_ < request_->min_tokens && !request_->stop_token_ids.empty(); }

  const GenerationRequest* request_;
  bool has_penalties_;
  int32_t num_output_ = 0;
  std::unordered_map<int32_t, Seen> seen_;  // kept only with penalties
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SAMPLE_LOGITS_PROCESSOR_H_
