#include "server/text/tokenizer/strip_stage.h"

namespace foregate {

void StripStage::EndToken() {
  if (in_token_ && first_fragment_) next_->Push("", true);
  in_token_ = false;
}

void StripStage::Push(std::string_view text, bool begins_token) {
  if (begins_token) {
    EndToken();
    in_token_ = true;
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
  out_.clear();
  for (; num_held_ > 0; --num_held_) out_ += content_;
  out_ += text;
  while (num_held_ < stop_ && out_.ends_with(content_)) {
    out_.resize(out_.size() - content_.size());
    ++num_held_;
  }
  if (out_.empty()) return;
  next_->Push(out_, first_fragment_);
  first_fragment_ = false;
}

void StripStage::Finish() {
  EndToken();
  next_->Finish();
}

}  // namespace foregate
