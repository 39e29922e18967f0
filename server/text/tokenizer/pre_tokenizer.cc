#include "server/text/tokenizer/pre_tokenizer.h"

#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_level.h"
#include "server/text/tokenizer/replacement.h"
#include "server/text/tokenizer/splitter.h"
#include "server/text/tokenizer/unicode_class.h"

namespace foregate {
namespace {

// Rewrites each piece through `rewrite(piece, index, out)`.
template <typename Rewrite>
void RewritePieces(Pieces* pieces, const Rewrite& rewrite) {
  std::string text;
  text.reserve(pieces->text.size() + pieces->text.size() / 2);
  for (size_t i = 0; i < pieces->ranges.size(); ++i) {
    const size_t begin = text.size();
    rewrite(pieces->piece(i), i, &text);
    pieces->ranges[i] = {begin, text.size()};
  }
  pieces->text = std::move(text);
}

constexpr std::string_view kGpt2Words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, std::unique_ptr<const PreTokenizer> words)
      : add_prefix_space_(add_prefix_space), words_(std::move(words)) {}

  absl::Status Apply(Pieces* pieces) const override {
    if (add_prefix_space_) {
      RewritePieces(pieces, [](std::string_view piece, size_t, std::string* out) {
        if (!piece.starts_with(' ')) out->push_back(' ');
        out->append(piece);
      });
    }
    if (words_ != nullptr) FOREGATE_RETURN_IF_ERROR(words_->Apply(pieces));
    RewritePieces(pieces, [](std::string_view piece, size_t, std::string* out) { AppendByteLevel(piece, out); });
    return absl::OkStatus();
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
    RewritePieces(pieces, [&](std::string_view piece, size_t index, std::string* out) {
      const bool may_prepend =
          scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && index == 0 && pieces->begins_input);
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

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
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

Made MakeSequence(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> children, json.Array("pretokenizers"));
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(steps.emplace_back(), MakePreTokenizer(child));
  }
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

}  // namespace

Pieces::Pieces(std::string the_text, bool is_beginning) : text(std::move(the_text)), begins_input(is_beginning) {
  if (!text.empty()) ranges.push_back({0, text.size()});
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
  if (type == "Sequence") return MakeSequence(json);
  return json.Error("is a pre-tokenizer that is not supported: " + type);
}

}  // namespace foregate
