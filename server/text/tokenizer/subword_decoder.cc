#include "server/text/tokenizer/subword_decoder.h"

#include <optional>
#include <string>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/literal_replacement.h"

namespace foregate {
namespace {

// English as it is written again: no blank before punctuation and contractions. In this order.
void CleanUp(std::string* text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) ReplaceLiteral(from, to, text);
}

class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
    return AddRewrite(stages, next, [this](size_t index, std::string* token) {
      if (index > 0) {
        if (token->starts_with(prefix_)) {
          token->erase(0, prefix_.size());
        } else {
          token->insert(0, 1, ' ');
        }
      }
      if (cleanup_) CleanUp(token);
    });
  }
  void Respell(std::string* token) const override {
    if (token->starts_with(prefix_)) token->erase(0, prefix_.size());
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

// The suffix reads as a blank, but at the end of the text as nothing: a token that holds it waits for the next one.
class SuffixStage : public DecodeStage {
 public:
  SuffixStage(DecodeStage* next, const std::string* suffix) : next_(next), suffix_(suffix) {}

  void Push(std::string_view text, bool) override {
    Give(" ");
    if (text.find(*suffix_) == std::string_view::npos) {
      next_->Push(text, true);
    } else {
      held_ = text;
    }
  }
  void Finish() override {
    Give("");
    next_->Finish();
  }

 private:
  void Give(std::string_view in_place_of_suffix) {
    if (!held_.has_value()) return;
    ReplaceLiteral(*suffix_, in_place_of_suffix, &*held_);
    next_->Push(*held_, true);
    held_.reset();
  }

  DecodeStage* next_;
  const std::string* suffix_;
  std::optional<std::string> held_;
};

class SuffixDecoder final : public Decoder {
 public:
  explicit SuffixDecoder(std::string suffix) : suffix_(std::move(suffix)) {}

  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
    return AddStage<SuffixStage>(stages, next, &suffix_);
  }
  void Respell(std::string* token) const override { ReplaceLiteral(suffix_, " ", token); }

 private:
  std::string suffix_;
};

struct CtcRules {
  std::string pad;
  std::string delimiter;
  bool cleanup;

  void Rewrite(std::string* token) const {
    ReplaceLiteral(pad, "", token);
    if (!cleanup) return;
    CleanUp(token);
    ReplaceLiteral(delimiter, " ", token);
  }
};

// A token that repeats the one before it is dropped, and so is one of which nothing is left.
class CtcStage : public DecodeStage {
 public:
  CtcStage(DecodeStage* next, const CtcRules* rules) : next_(next), rules_(rules) {}

  void Push(std::string_view text, bool) override {
    if (previous_ == text) return;
    previous_ = text;
    token_ = text;
    rules_->Rewrite(&token_);
    if (!token_.empty()) next_->Push(token_, true);
  }
  void Finish() override { next_->Finish(); }

 private:
  DecodeStage* next_;
  const CtcRules* rules_;
  std::optional<std::string> previous_;
  std::string token_;
};

class CtcDecoder final : public Decoder {
 public:
  explicit CtcDecoder(CtcRules rules) : rules_(std::move(rules)) {}

  DecodeStage* Start(DecodeStage* next, bool, DecodeStages* stages) const override {
    return AddStage<CtcStage>(stages, next, &rules_);
  }
  void Respell(std::string* token) const override { rules_.Rewrite(token); }

 private:
  CtcRules rules_;
};

absl::StatusOr<std::string> NonEmpty(const JsonNode& json, std::string_view key) {
  FOREGATE_ASSIGN_OR_RETURN(std::string text, json.String(key));
  if (text.empty()) return json.Error(std::string(key) + " must not be empty");
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Decoder>> MakeWordPieceDecoder(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(std::string prefix, json.String("prefix"));
  FOREGATE_ASSIGN_OR_RETURN(const bool cleanup, json.Bool("cleanup", true));
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

absl::StatusOr<std::unique_ptr<const Decoder>> MakeSuffixDecoder(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(std::string suffix, NonEmpty(json, "suffix"));
  return std::make_unique<SuffixDecoder>(std::move(suffix));
}

absl::StatusOr<std::unique_ptr<const Decoder>> MakeCtcDecoder(const JsonNode& json) {
  CtcRules rules;
  FOREGATE_ASSIGN_OR_RETURN(rules.pad, NonEmpty(json, "pad_token"));
  FOREGATE_ASSIGN_OR_RETURN(rules.delimiter, NonEmpty(json, "word_delimiter_token"));
  FOREGATE_ASSIGN_OR_RETURN(rules.cleanup, json.Bool("cleanup", true));
  return std::make_unique<CtcDecoder>(std::move(rules));
}

}  // namespace foregate
