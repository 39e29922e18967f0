#include "server/text/tokenizer/normalizer.h"

#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/base64.h"
#include "server/text/tokenizer/precompiled_charsmap.h"
#include "server/text/tokenizer/replacement.h"
#include "server/text/tokenizer/unicode_case.h"
#include "server/text/tokenizer/unicode_class.h"
#include "server/text/tokenizer/unicode_forms.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

class NormalForm : public Normalizer {
 public:
  explicit NormalForm(UnicodeForm form) : form_(form) {}

  absl::Status Apply(std::string* text) const override {
    ApplyUnicodeForm(form_, text);
    return absl::OkStatus();
  }

 private:
  UnicodeForm form_;
};

class Lowercase : public Normalizer {
 public:
  absl::Status Apply(std::string* text) const override {
    std::string out;
    AppendLowercase(*text, &out);
    *text = std::move(out);
    return absl::OkStatus();
  }
};

class StripAccents : public Normalizer {
 public:
  absl::Status Apply(std::string* text) const override {
    if (IsAscii(*text)) return absl::OkStatus();
    size_t kept = 0;
    for (size_t i = 0; i < text->size();) {
      const size_t begin = i;
      if (IsMark(NextCodePoint(*text, &i))) continue;
      for (size_t from = begin; from < i; ++from) (*text)[kept++] = (*text)[from];
    }
    text->resize(kept);
    return absl::OkStatus();
  }
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  absl::Status Apply(std::string* text) const override {
    if (right_) text->resize(TrailingSpaceBegin(*text));
    if (left_) text->erase(0, LeadingSpaceEnd(*text));
    return absl::OkStatus();
  }

 private:
  bool left_;
  bool right_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}

  absl::Status Apply(std::string* text) const override {
    if (!text->empty()) text->insert(0, prefix_);
    return absl::OkStatus();
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  explicit Replace(Replacement replacement) : replacement_(std::move(replacement)) {}

  absl::Status Apply(std::string* text) const override { return replacement_.Apply(text); }

 private:
  Replacement replacement_;
};

class Precompiled : public Normalizer {
 public:
  Precompiled(PrecompiledCharsmap charsmap, bool longest) : charsmap_(std::move(charsmap)), longest_(longest) {}

  absl::Status Apply(std::string* text) const override {
    longest_ ? charsmap_.ApplyLongest(text) : charsmap_.Apply(text);
    return absl::OkStatus();
  }

 private:
  PrecompiledCharsmap charsmap_;
  bool longest_;
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<const Normalizer>> steps) : steps_(std::move(steps)) {}

  absl::Status Apply(std::string* text) const override {
    for (const auto& step : steps_) FOREGATE_RETURN_IF_ERROR(step->Apply(text));
    return absl::OkStatus();
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

using Made = absl::StatusOr<std::unique_ptr<const Normalizer>>;

Made MakePrecompiled(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode node, json.Child("precompiled_charsmap"));
  FOREGATE_ASSIGN_OR_RETURN(const std::string text, node.AsString());
  const absl::StatusOr<std::string> bytes = DecodeBase64(text);
  if (!bytes.ok()) return node.Error(std::string(bytes.status().message()));
  absl::StatusOr<PrecompiledCharsmap> charsmap = PrecompiledCharsmap::Parse(*bytes);
  if (!charsmap.ok()) return node.Error(std::string(charsmap.status().message()));
  // Our own key: the pipeline comes from a SentencePiece model rather than from a tokenizer.json.
  FOREGATE_ASSIGN_OR_RETURN(const bool longest, json.Bool("longest_match", false));
  return std::make_unique<Precompiled>(*std::move(charsmap), longest);
}

Made MakeSequence(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> children, json.Array("normalizers"));
  std::vector<std::unique_ptr<const Normalizer>> steps;
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(steps.emplace_back(), MakeNormalizer(child));
  }
  return std::make_unique<NormalizerSequence>(std::move(steps));
}

}  // namespace

Made MakeNormalizer(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string type, json.String("type"));
  if (type == "NFC") return std::make_unique<NormalForm>(UnicodeForm::kNfc);
  if (type == "NFD") return std::make_unique<NormalForm>(UnicodeForm::kNfd);
  if (type == "NFKC") return std::make_unique<NormalForm>(UnicodeForm::kNfkc);
  if (type == "NFKD") return std::make_unique<NormalForm>(UnicodeForm::kNfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Strip") {
    FOREGATE_ASSIGN_OR_RETURN(const bool left, json.Bool("strip_left", true));
    FOREGATE_ASSIGN_OR_RETURN(const bool right, json.Bool("strip_right", true));
    return std::make_unique<Strip>(left, right);
  }
  if (type == "Prepend") {
    FOREGATE_ASSIGN_OR_RETURN(std::string prefix, json.String("prepend"));
    return std::make_unique<Prepend>(std::move(prefix));
  }
  if (type == "Replace") {
    FOREGATE_ASSIGN_OR_RETURN(Replacement replacement, Replacement::Read(json));
    return std::make_unique<Replace>(std::move(replacement));
  }
  if (type == "Precompiled") return MakePrecompiled(json);
  if (type == "Sequence") return MakeSequence(json);
  return json.Error("is a normalizer that is not supported: " + type);
}

}  // namespace foregate
