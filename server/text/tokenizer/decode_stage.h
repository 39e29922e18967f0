// One step of a running decoder, and what all such steps are made of.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_DECODE_STAGE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_DECODE_STAGE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foregate {

// Takes tokens and gives tokens to the next stage. A stage may give one token in several fragments as it becomes
// certain. Not thread-safe.
class DecodeStage {
 public:
  virtual ~DecodeStage() = default;
  // `begins_token` is false when `text` continues the token before it. `text` is read before the call returns.
  virtual void Push(std::string_view text, bool begins_token) = 0;
  // No token follows. Gives what was held back and finishes the next stage.
  virtual void Finish() = 0;
};

using DecodeStages = std::vector<std::unique_ptr<DecodeStage>>;

template <typename Stage, typename... Args>
DecodeStage* AddStage(DecodeStages* stages, Args&&... args) {
  stages->push_back(std::make_unique<Stage>(std::forward<Args>(args)...));
  return stages->back().get();
}

// Rewrites each token by `rewrite(index of the token, token)`; fragments of a token are rewritten one by one.
template <typename Rewrite>
class RewriteStage : public DecodeStage {
 public:
  RewriteStage(DecodeStage* next, Rewrite rewrite) : next_(next), rewrite_(std::move(rewrite)) {}

  void Push(std::string_view text, bool begins_token) override {
    if (begins_token) ++num_tokens_;
    token_ = text;
    rewrite_(num_tokens_ - 1, &token_);
    next_->Push(token_, begins_token);
  }
  void Finish() override { next_->Finish(); }

 private:
  DecodeStage* next_;
  Rewrite rewrite_;
  size_t num_tokens_ = 0;
  std::string token_;  // kept for its memory
};

template <typename Rewrite>
DecodeStage* AddRewrite(DecodeStages* stages, DecodeStage* next, Rewrite rewrite) {
  return AddStage<RewriteStage<Rewrite>>(stages, next, std::move(rewrite));
}

// Joins the fragments of each token, for a stage that must see it whole: nothing is certain before its end.
class GatherStage : public DecodeStage {
 public:
  explicit GatherStage(DecodeStage* next) : next_(next) {}

  void Push(std::string_view text, bool begins_token) override {
    if (begins_token) Give();
    any_ = true;
    token_ += text;
  }
  void Finish() override {
    Give();
    next_->Finish();
  }

 private:
  void Give() {
    if (any_) next_->Push(token_, true);
    any_ = false;
    token_.clear();
  }

  DecodeStage* next_;
  bool any_ = false;
  std::string token_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_DECODE_STAGE_H_
