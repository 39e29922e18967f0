#include "server/text/tokenizer/decoder.h"

#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_decoder.h"
#include "server/text/tokenizer/literal_replacement.h"
#include "server/text/tokenizer/replacement.h"
#include "server/text/tokenizer/strip_stage.h"
#include "server/text/tokenizer/subword_decoder.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

class ReplaceDecoder : public Decoder {
 public:
  ReplaceDecoder(Replacement replacement, bool one_character)
      : replacement_(std::move(replacement)), one_character_(one_character) {}

  void Prepare(std::string* token) const override {
    // Only a regular expression that explodes on a token of a few bytes can fail; the token then stays as it is.
    replacement_.Apply(token).IgnoreError();
  }
  bool tokenwise() const override { return true; }
  DecodeStage* Start(DecodeStage* next, bool prepared, DecodeStages* stages) const override {
    if (prepared) return next;
    return AddRewrite(stages, next, [this](size_t, std::string* token) { Prepare(token); });
  }
  void Respell(std::string* token) const override { Prepare(token); }
  bool accepts_fragments() const override { return one_character_; }

 private:
  Replacement replacement_;
  bool one_character_;  // the pattern is one character, which no fragment cuts
};

class FuseDecoder : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
    return AddStage<FuseStage>(stages, next);
  }
  void Respell(std::string*) const override {}
  bool fuses() const override { return true; }
  bool accepts_fragments() const override { return true; }

 private:
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
};

class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
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

  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
    return AddRewrite(stages, next, [this](size_t index, std::string* token) {
      ReplaceLiteral(replacement_, index == 0 && drops_first_ ? "" : " ", token);
    });
  }
  void Respell(std::string* token) const override { ReplaceLiteral(replacement_, " ", token); }
  bool accepts_fragments() const override { return Utf8Length(replacement_[0]) == replacement_.size(); }

 private:
  std::string replacement_;
  bool drops_first_;
};

class JoinDecoder : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
    return AddRewrite(stages, next, [](size_t index, std::string* token) {
      if (index > 0) token->insert(0, 1, ' ');
    });
  }
  void Respell(std::string*) const override {}
};

class DecoderSequence : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<const Decoder>> steps) : steps_(std::move(steps)) {
    while (num_tokenwise_ < steps_.size() && steps_[num_tokenwise_]->tokenwise()) ++num_tokenwise_;
    for (const auto& step : steps_) {
      const bool gathers = fuses_ && !step->accepts_fragments();
      gathers_.push_back(gathers);
      fuses_ = step->fuses() || (fuses_ && !gathers);
    }
  }

  void Prepare(std::string* token) const override {
    for (size_t i = 0; i < steps_.size() && i <= num_tokenwise_; ++i) steps_[i]->Prepare(token);
  }
  bool tokenwise() const override { return num_tokenwise_ == steps_.size(); }
  DecodeStage* Start(DecodeStage* next, bool prepared, DecodeStages* stages) const override {
    for (size_t i = steps_.size(); i-- > 0;) {
      next = steps_[i]->Start(next, prepared && i <= num_tokenwise_, stages);
      if (gathers_[i]) next = AddStage<GatherStage>(stages, next);
    }
    return next;
  }
  void Respell(std::string* token) const override {
    for (const auto& step : steps_) step->Respell(token);
  }
  bool fuses() const override { return fuses_; }

 private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
  std::vector<bool> gathers_;  // whether step i must be given whole tokens after a step that fuses
  size_t num_tokenwise_ = 0;   // leading steps that Prepare() does completely
  bool fuses_ = false;
};

using Made = absl::StatusOr<std::unique_ptr<const Decoder>>;

bool IsOneCharacter(std::string_view text) { return !text.empty() && Utf8Length(text[0]) == text.size(); }

Made MakeReplace(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(Replacement replacement, Replacement::Read(json));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode pattern, json.Child("pattern"));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> literal, pattern.OptionalChild("String"));
  const bool one_character = literal.has_value() && IsOneCharacter(literal->value().get_ref<const std::string&>());
  return std::make_unique<ReplaceDecoder>(std::move(replacement), one_character);
}

Made MakeStrip(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(std::string content, json.String("content"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode start, json.Child("start"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode stop, json.Child("stop"));
  FOREGATE_ASSIGN_OR_RETURN(const int32_t num_start, start.AsId());
  FOREGATE_ASSIGN_OR_RETURN(const int32_t num_stop, stop.AsId());
  if (!IsOneCharacter(content)) return json.Error("content must be one character");
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
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(steps.emplace_back(), MakeDecoder(child));
  }
  return std::make_unique<DecoderSequence>(std::move(steps));
}

}  // namespace

Made MakeDecoder(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string type, json.String("type"));
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Replace") return MakeReplace(json);
  if (type == "Strip") return MakeStrip(json);
  if (type == "Metaspace") return MakeMetaspace(json);
  if (type == "WordPiece") return MakeWordPieceDecoder(json);
  if (type == "BPEDecoder") return MakeSuffixDecoder(json);
  if (type == "CTC") return MakeCtcDecoder(json);
  if (type == "Sequence") return MakeSequence(json);
  return json.Error("is a decoder that is not supported: " + type);
}

std::unique_ptr<const Decoder> MakeJoinDecoder() { return std::make_unique<JoinDecoder>(); }

}  // namespace foregate
