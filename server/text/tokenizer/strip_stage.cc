#include "server/text/tokenizer/strip_stage.h"

namespace foregate {

void StripStage::Push(std::string_view text, bool begins_token) {
  if (begins_token) {
    first_fragment_ = true;
    start_left_ = start_;
    num_held_ = 0;
  }
  while (start_left_ > 0 && text.starts_with(content_)) {
    text.remove_prefix(content_.size());
    --start_left_;
  }
  if (text.empty()) return;
  start_left_ = 0;
  std::string out;
  for (; num_held_ > 0; --num_held_) out += content_;
  out += text;
  while (num_held_ < stop_ && out.ends_with(content_)) {
    out.resize(out.size() - content_.size());
    ++num_held_;
  }
  if (out.empty()) return;
  next_->Push(out, first_fragment_);
  first_fragment_ = false;
}

}  // namespace foregate
