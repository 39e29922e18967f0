#include "server/text/tokenizer/pre_tokenizer.h"

#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_level.h"
#include "server/text/tokenizer/replacement.h"
#include "server/text/tokenizer/splitter.h"
#include "server/text/tokenizer/unicode_class.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

constexpr std::string_view kGpt2Words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, std::unique_ptr<const PreTokenizer> words)
      : add_prefix_space_(add_prefix_space), words_(std::move(words)) {}

  absl::Status Apply(Pieces* pieces) const override {
    FOREGATE_RETURN_IF_ERROR(ApplyUnspelled(pieces));
    pieces->RewriteEach([](std::string_view piece, size_t, std::string* out) { AppendByteLevel(piece, out); });
    return absl::OkStatus();
  }
  bool spells_bytes() const override { return true; }
  absl::Status ApplyUnspelled(Pieces* pieces) const override {
    if (add_prefix_space_) {
      pieces->RewriteEach([](std::string_view piece, size_t, std::string* out) {
        if (!piece.starts_with(' ')) out->push_back(' ');
        out->append(piece);
      });
    }
    return words_ == nullptr ? absl::OkStatus() : words_->Apply(pieces);
  }

 private:
  bool add_prefix_space_;
  std::unique_ptr<const PreTokenizer> words_;  // null without use_regex
};

enum class PrependScheme { kAlways, kFirst, kNever };

class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme scheme, std::unique_ptr<const PreTokenizer> split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(std::move(split)) {}

  absl::Status Apply(Pieces* pieces) const override {
    pieces->RewriteEach([&](std::string_view piece, size_t index, std::string* out) {
      const bool may_prepend = scheme_ == PrependScheme::kAlways ||
                               (scheme_ == PrependScheme::kFirst && index == 0 && pieces->begins_input());
      if (may_prepend && !piece.starts_with(' ') && !piece.starts_with(replacement_)) *out += replacement_;
      for (const char c : piece) {
        if (c == ' ') {
          *out += replacement_;
        } else {
          out->push_back(c);
        }
      }
    });
    return split_ == nullptr ? absl::OkStatus() : split_->Apply(pieces);
  }

 private:
  std::string replacement_;
  PrependScheme scheme_;
  std::unique_ptr<const PreTokenizer> split_;  // null without split
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<const PreTokenizer>> steps) : steps_(std::move(steps)) {}

  absl::Status Apply(Pieces* pieces) const override {
    for (const auto& step : steps_) FOREGATE_RETURN_IF_ERROR(step->Apply(pieces));
    return absl::OkStatus();
  }
  bool spells_bytes() const override { return !steps_.empty() && steps_.back()->spells_bytes(); }
  absl::Status ApplyUnspelled(Pieces* pieces) const override {
    for (size_t i = 0; i + 1 < steps_.size(); ++i) FOREGATE_RETURN_IF_ERROR(steps_[i]->Apply(pieces));
    return steps_.empty() ? absl::OkStatus() : steps_.back()->ApplyUnspelled(pieces);
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}

  absl::Status Apply(Pieces* pieces) const override {
    std::vector<TextRange> ranges;
    for (const TextRange& range : pieces->ranges()) {
      for (size_t begin = range.begin; begin < range.end;) {
        size_t end = begin;
        for (size_t i = 0; i < length_ && end < range.end; ++i) end += Utf8Length(pieces->text()[end]);
        ranges.push_back({begin, end});
        begin = end;
      }
    }
    pieces->Recut(std::move(ranges));
    return absl::OkStatus();
  }

 private:
  size_t length_;  // in characters
};

using Made = absl::StatusOr<std::unique_ptr<const PreTokenizer>>;

Made MakeRegexSplit(std::string_view regex_text, SplitBehavior behavior, bool invert) {
  FOREGATE_ASSIGN_OR_RETURN(auto regex, Regex::Compile(regex_text));
  return std::make_unique<Splitter>(MatchRegex(std::move(regex)), behavior, invert);
}

Made MakeSplit(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode pattern, json.Child("pattern"));
  FOREGATE_ASSIGN_OR_RETURN(auto regex, ReadPattern(pattern));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode behavior_name, json.Child("behavior"));
  FOREGATE_ASSIGN_OR_RETURN(const SplitBehavior behavior, ReadSplitBehavior(behavior_name));
  FOREGATE_ASSIGN_OR_RETURN(const bool invert, json.Bool("invert", false));
  return std::make_unique<Splitter>(MatchRegex(std::move(regex)), behavior, invert);
}

Made MakeByteLevel(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const bool add_prefix_space, json.Bool("add_prefix_space", true));
  FOREGATE_ASSIGN_OR_RETURN(const bool use_regex, json.Bool("use_regex", true));
  std::unique_ptr<const PreTokenizer> words;
  if (use_regex) {
    FOREGATE_ASSIGN_OR_RETURN(words, MakeRegexSplit(kGpt2Words, SplitBehavior::kIsolated, false));
  }
  return std::make_unique<ByteLevel>(add_prefix_space, std::move(words));
}

absl::StatusOr<PrependScheme> ReadPrependScheme(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const bool add_prefix_space, json.Bool("add_prefix_space", true));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, json.OptionalChild("prepend_scheme"));
  if (!node.has_value()) return add_prefix_space ? PrependScheme::kAlways : PrependScheme::kNever;
  FOREGATE_ASSIGN_OR_RETURN(const std::string scheme, node->AsString());
  if (!add_prefix_space && scheme != "never") return node->Error("contradicts add_prefix_space: " + scheme);
  if (scheme == "always") return PrependScheme::kAlways;
  if (scheme == "first") return PrependScheme::kFirst;
  if (scheme == "never") return PrependScheme::kNever;
  return node->Error("is not supported: " + scheme);
}

Made MakeMetaspace(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(std::string replacement, json.String("replacement"));
  FOREGATE_ASSIGN_OR_RETURN(const PrependScheme scheme, ReadPrependScheme(json));
  FOREGATE_ASSIGN_OR_RETURN(const bool split, json.Bool("split", true));
  if (replacement.empty()) return json.Error("has an empty replacement");
  std::unique_ptr<const PreTokenizer> splitter;
  if (split) {
    FOREGATE_ASSIGN_OR_RETURN(auto literal, Regex::CompileLiteral(replacement));
    splitter = std::make_unique<Splitter>(MatchRegex(std::move(literal)), SplitBehavior::kMergedWithNext, false);
  }
  return std::make_unique<Metaspace>(std::move(replacement), scheme, std::move(splitter));
}

Made MakeDigits(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const bool individual, json.Bool("individual_digits", false));
  const SplitBehavior behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous;
  return std::make_unique<Splitter>(MatchCharacters(&IsNumeric), behavior, false);
}

Made MakePunctuation(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> name, json.OptionalChild("behavior"));
  SplitBehavior behavior = SplitBehavior::kIsolated;
  if (name.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(behavior, ReadSplitBehavior(*name));
  }
  return std::make_unique<Splitter>(MatchCharacters(&IsPunctuation), behavior, false);
}

Made MakeBert() {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(std::make_unique<Splitter>(MatchCharacters(&IsSpace), SplitBehavior::kRemoved, false));
  steps.push_back(std::make_unique<Splitter>(MatchCharacters(&IsPunctuation), SplitBehavior::kIsolated, false));
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

Made MakeDelimiter(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string delimiter, json.String("delimiter"));
  if (delimiter.empty() || Utf8Length(delimiter[0]) != delimiter.size()) {
    return json.Error("delimiter must be one character");
  }
  FOREGATE_ASSIGN_OR_RETURN(auto regex, Regex::CompileLiteral(delimiter));
  return std::make_unique<Splitter>(MatchRegex(std::move(regex)), SplitBehavior::kRemoved, false);
}

Made MakeFixedLength(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, json.OptionalChild("length"));
  int32_t length = 5;
  if (node.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(length, node->AsId());
  }
  if (length == 0) return json.Error("length must be at least 1");
  return std::make_unique<FixedLength>(length);
}

Made MakeSequence(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> children, json.Array("pretokenizers"));
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(steps.emplace_back(), MakePreTokenizer(child));
  }
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

}  // namespace

Pieces::Pieces(std::string_view text, bool begins_input) : text_(text), begins_input_(begins_input) {
  if (!text.empty()) ranges_.push_back({0, text.size()});
}

void Pieces::Recut(std::vector<TextRange> ranges) {
  begins_input_ = begins_input_ && !ranges.empty() && ranges[0].begin == ranges_[0].begin;
  ranges_ = std::move(ranges);
}

Made MakePreTokenizer(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string type, json.String("type"));
  if (type == "Split") return MakeSplit(json);
  if (type == "ByteLevel") return MakeByteLevel(json);
  if (type == "Metaspace") return MakeMetaspace(json);
  if (type == "Digits") return MakeDigits(json);
  if (type == "Punctuation") return MakePunctuation(json);
  if (type == "Whitespace") return MakeRegexSplit(R"(\w+|[^\w\s]+)", SplitBehavior::kRemoved, true);
  if (type == "WhitespaceSplit") {
    return std::make_unique<Splitter>(MatchCharacters(&IsSpace), SplitBehavior::kRemoved, false);
  }
  if (type == "BertPreTokenizer") return MakeBert();
  if (type == "CharDelimiterSplit") return MakeDelimiter(json);
  if (type == "FixedLength") return MakeFixedLength(json);
  if (type == "Sequence") return MakeSequence(json);
  return json.Error("is a pre-tokenizer that is not supported: " + type);
}

}  // namespace foregate
