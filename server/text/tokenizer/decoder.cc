#include "server/text/tokenizer/decoder.h"

#include <optional>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_level.h"
#include "server/text/tokenizer/replacement.h"
#include "server/text/tokenizer/strip_stage.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// A stage whose tokens do not depend on each other, but for the first.
template <typename Rewrite>
class TokenwiseStage : public DecodeStage {
 public:
  TokenwiseStage(DecodeStage* next, Rewrite rewrite) : next_(next), rewrite_(std::move(rewrite)) {}

  void Push(std::string_view text, bool) override {
    std::string token(text);
    rewrite_(&token, first_);
    first_ = false;
    next_->Push(token, true);
  }
  void Finish() override { next_->Finish(); }

 private:
  DecodeStage* next_;
  Rewrite rewrite_;
  bool first_ = true;
};

template <typename Stage, typename... Args>
DecodeStage* AddStage(std::vector<std::unique_ptr<DecodeStage>>* stages, Args&&... args) {
  stages->push_back(std::make_unique<Stage>(std::forward<Args>(args)...));
  return stages->back().get();
}

template <typename Rewrite>
DecodeStage* AddTokenwise(std::vector<std::unique_ptr<DecodeStage>>* stages, DecodeStage* next, Rewrite rewrite) {
  return AddStage<TokenwiseStage<Rewrite>>(stages, next, std::move(rewrite));
}

class ByteLevelStage : public DecodeStage {
 public:
  explicit ByteLevelStage(DecodeStage* next) : next_(next) {}

  void Push(std::string_view text, bool) override {
    std::string out;
    utf8_.Push(BytesOfByteLevelToken(text), &out);
    Emit(out);
  }
  void Finish() override {
    std::string out;
    utf8_.Finish(&out);
    Emit(out);
    next_->Finish();
  }

 private:
  void Emit(const std::string& text) {
    if (text.empty()) return;
    next_->Push(text, first_);
    first_ = false;
  }

  DecodeStage* next_;
  Utf8LossyStream utf8_;
  bool first_ = true;
};

class ByteLevelDecoder : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddStage<ByteLevelStage>(stages, next);
  }
  void Respell(std::string* token) const override { *token = BytesOfByteLevelToken(*token); }
  bool fuses() const override { return true; }
};

class ReplaceDecoder : public Decoder {
 public:
  explicit ReplaceDecoder(Replacement replacement) : replacement_(std::move(replacement)) {}

  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddTokenwise(stages, next, [this](std::string* token, bool) { Respell(token); });
  }
  void Respell(std::string* token) const override {
    // Only a regular expression that explodes on a token of a few bytes can fail; the token then stays as it is.
    replacement_.Apply(token).IgnoreError();
  }

 private:
  Replacement replacement_;
};

std::optional<char> ByteOfToken(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

// A run of byte tokens is text when all of it is well formed, else one U+FFFD for each byte: so nothing of a run is
// certain before its end.
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

class ByteFallbackDecoder : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddStage<ByteFallbackStage>(stages, next);
  }
  void Respell(std::string* token) const override {
    if (const auto byte = ByteOfToken(*token); byte.has_value()) token->assign(1, *byte);
  }
};

class FuseStage : public DecodeStage {
 public:
  explicit FuseStage(DecodeStage* next) : next_(next) {}

  void Push(std::string_view text, bool) override {
    next_->Push(text, first_);
    first_ = false;
  }
  void Finish() override { next_->Finish(); }

 private:
  DecodeStage* next_;
  bool first_ = true;
};

class FuseDecoder : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddStage<FuseStage>(stages, next);
  }
  void Respell(std::string*) const override {}
  bool fuses() const override { return true; }
  bool accepts_fragments() const override { return true; }
};

class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddStage<StripStage>(stages, next, content_, start_, stop_);
  }
  // What is stripped is that of the whole text, as a rule; a token alone keeps its blank.
  void Respell(std::string*) const override {}
  bool accepts_fragments() const override { return true; }

 private:
  std::string content_;
  size_t start_;
  size_t stop_;
};

class MetaspaceDecoder : public Decoder {
 public:
  MetaspaceDecoder(std::string replacement, bool drops_first)
      : replacement_(std::move(replacement)), drops_first_(drops_first) {}

  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddTokenwise(stages, next,
                        [this](std::string* token, bool first) { ReplaceBy(first && drops_first_ ? "" : " ", token); });
  }
  void Respell(std::string* token) const override { ReplaceBy(" ", token); }

 private:
  void ReplaceBy(std::string_view by, std::string* token) const {
    for (size_t at = token->find(replacement_); at != std::string::npos;
         at = token->find(replacement_, at + by.size())) {
      token->replace(at, replacement_.size(), by);
    }
  }

  std::string replacement_;
  bool drops_first_;
};

class JoinDecoder : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    return AddTokenwise(stages, next, [](std::string* token, bool first) {
      if (!first) token->insert(0, 1, ' ');
    });
  }
  void Respell(std::string*) const override {}
};

class DecoderSequence : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<const Decoder>> steps) : steps_(std::move(steps)) {}

  DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const override {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) next = (*step)->Start(next, stages);
    return next;
  }
  void Respell(std::string* token) const override {
    for (const auto& step : steps_) step->Respell(token);
  }
  bool fuses() const override {
    for (const auto& step : steps_) {
      if (step->fuses()) return true;
    }
    return false;
  }

 private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
};

using Made = absl::StatusOr<std::unique_ptr<const Decoder>>;

Made MakeStrip(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(std::string content, json.String("content"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode start, json.Child("start"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode stop, json.Child("stop"));
  FOREGATE_ASSIGN_OR_RETURN(const int32_t num_start, start.AsId());
  FOREGATE_ASSIGN_OR_RETURN(const int32_t num_stop, stop.AsId());
  if (content.empty() || Utf8Length(content[0]) != content.size()) return json.Error("content must be one character");
  return std::make_unique<StripDecoder>(std::move(content), num_start, num_stop);
}

Made MakeMetaspace(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(std::string replacement, json.String("replacement"));
  FOREGATE_ASSIGN_OR_RETURN(const bool add_prefix_space, json.Bool("add_prefix_space", true));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> scheme, json.OptionalChild("prepend_scheme"));
  if (replacement.empty()) return json.Error("has an empty replacement");
  const bool never = scheme.has_value() ? scheme->value() == "never" : !add_prefix_space;
  return std::make_unique<MetaspaceDecoder>(std::move(replacement), !never);
}

Made MakeSequence(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> children, json.Array("decoders"));
  std::vector<std::unique_ptr<const Decoder>> steps;
  bool fused = false;
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(auto step, MakeDecoder(child));
    if (fused && !step->accepts_fragments()) return child.Error("is not supported after a decoder that fuses tokens");
    fused = fused || step->fuses();
    steps.push_back(std::move(step));
  }
  return std::make_unique<DecoderSequence>(std::move(steps));
}

}  // namespace

Made MakeDecoder(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string type, json.String("type"));
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Replace") {
    FOREGATE_ASSIGN_OR_RETURN(Replacement replacement, Replacement::Read(json));
    return std::make_unique<ReplaceDecoder>(std::move(replacement));
  }
  if (type == "Strip") return MakeStrip(json);
  if (type == "Metaspace") return MakeMetaspace(json);
  if (type == "Sequence") return MakeSequence(json);
  return json.Error("is a decoder that is not supported: " + type);
}

std::unique_ptr<const Decoder> MakeJoinDecoder() { return std::make_unique<JoinDecoder>(); }

}  // namespace foregate
