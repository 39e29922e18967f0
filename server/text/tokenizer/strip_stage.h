// Drops up to `start` copies of a character from the beginning of a token and up to `stop` from its end.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_STRIP_STAGE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_STRIP_STAGE_H_

#include <string>
#include <string_view>
#include <utility>

#include "server/text/tokenizer/decode_stage.h"

namespace foregate {

// Works on tokens that arrive in fragments; holds back at most `stop` characters.
class StripStage : public DecodeStage {
 public:
  StripStage(DecodeStage* next, std::string content, size_t start, size_t stop)
      : next_(next), content_(std::move(content)), start_(start), stop_(stop) {}

  void Push(std::string_view text, bool begins_token) override;
  void Finish() override;  // what is held back is the end that must go

 private:
  // A token of which nothing is left is a token all the same: later stages count them.
  void EndToken();

  DecodeStage* next_;
  std::string content_;
  size_t start_;
  size_t stop_;
  bool in_token_ = false;
  bool first_fragment_ = true;
  size_t start_left_ = 0;
  size_t num_held_ = 0;  // copies of content_ at the end of what was pushed
  std::string out_;      // kept for its memory
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_STRIP_STAGE_H_
