#include "server/text/tokenizer/byte_decoder.h"

#include <optional>

#include "server/text/tokenizer/byte_level.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

class ByteLevelStage : public DecodeStage {
 public:
  ByteLevelStage(DecodeStage* next, bool prepared) : next_(next), prepared_(prepared) {}

  void Push(std::string_view text, bool) override {
    text_.clear();
    if (prepared_) {
      utf8_.Push(text, &text_);
    } else {
      utf8_.Push(BytesOfByteLevelToken(text), &text_);
    }
    Emit();
  }
  void Finish() override {
    text_.clear();
    utf8_.Finish(&text_);
    Emit();
    next_->Finish();
  }

 private:
  void Emit() {
    if (text_.empty()) return;
    next_->Push(text_, first_);
    first_ = false;
  }

  DecodeStage* next_;
  bool prepared_;
  Utf8LossyStream utf8_;
  std::string text_;  // kept for its memory
  bool first_ = true;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<char> ByteOfToken(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  const int low = HexDigit(token[4]);
  // Rust's number parser takes a sign: <0x+A> is a byte too.
  const int high = token[3] == '+' ? 0 : HexDigit(token[3]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

// Nothing of a run of byte tokens is certain before its end.
class ByteFallbackStage : public DecodeStage {
 public:
  explicit ByteFallbackStage(DecodeStage* next) : next_(next) {}

  void Push(std::string_view text, bool) override {
    if (const auto byte = ByteOfToken(text); byte.has_value()) {
      run_.push_back(*byte);
      return;
    }
    EndRun();
    next_->Push(text, true);
  }
  void Finish() override {
    EndRun();
    next_->Finish();
  }

 private:
  void EndRun() {
    if (run_.empty()) return;
    if (!FirstInvalidUtf8(run_).has_value()) {
      next_->Push(run_, true);
    } else {
      for (size_t i = 0; i < run_.size(); ++i) next_->Push(kReplacementCharacter, true);
    }
    run_.clear();
  }

  DecodeStage* next_;
  std::string run_;
};

}  // namespace

void ByteLevelDecoder::Prepare(std::string* token) const { *token = BytesOfByteLevelToken(*token); }

DecodeStage* ByteLevelDecoder::Start(DecodeStage* next, bool prepared, DecodeStages* stages) const {
  return AddStage<ByteLevelStage>(stages, next, prepared);
}

DecodeStage* ByteFallbackDecoder::Start(DecodeStage* next, bool, DecodeStages* stages) const {
  return AddStage<ByteFallbackStage>(stages, next);
}

void ByteFallbackDecoder::Respell(std::string* token) const {
  if (const auto byte = ByteOfToken(*token); byte.has_value()) token->assign(1, *byte);
}

}  // namespace foregate
