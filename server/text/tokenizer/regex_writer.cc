#include "server/text/tokenizer/regex_writer.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

using Kind = RegexNode::Kind;
constexpr int kUnbounded = RegexNode::kUnbounded;
constexpr size_t kMaxLookBehindAlternatives = 256;
constexpr int kMaxLookBehindRepeat = 256;

void CollectSets(const RegexNode& node, std::vector<const CodePointSet*>* sets) {
  if (node.kind == Kind::kSet) sets->push_back(&node.set);
  for (const RegexNodePtr& child : node.children) CollectSets(*child, sets);
}

// The characters that every match of the node takes; nothing when that differs from match to match.
std::optional<size_t> FixedLength(const RegexNode& node) {
  std::optional<size_t> length = 0;
  switch (node.kind) {
    case Kind::kSet:
      return 1;
    case Kind::kSequence:
      for (const RegexNodePtr& child : node.children) {
        const std::optional<size_t> part = FixedLength(*child);
        if (!part.has_value()) return std::nullopt;
        *length += *part;
      }
      return length;
    case Kind::kAlternation:
      length = FixedLength(*node.children[0]);
      for (const RegexNodePtr& child : node.children) {
        if (FixedLength(*child) != length) return std::nullopt;
      }
      return length;
    case Kind::kRepeat:
      length = FixedLength(*node.children[0]);
      if (node.min != node.max || !length.has_value()) return std::nullopt;
      return *length * static_cast<size_t>(node.min);
    case Kind::kAtomic:
    case Kind::kGroup:
      return FixedLength(*node.children[0]);
    default:
      return 0;
  }
}

class Writer {
 public:
  explicit Writer(const RegexAlphabet& alphabet) : alphabet_(alphabet) {}

  absl::StatusOr<std::string> Write(const RegexNode& node) {
    switch (node.kind) {
      case Kind::kSet:
        return Set(node.set);
      case Kind::kSequence:
        return Sequence(node);
      case Kind::kAlternation:
        return Joined(node, "(?:");
      case Kind::kRepeat:
        return Repeat(node);
      case Kind::kAtomic:
        return Joined(node, "(?>");
      case Kind::kGroup:
        return Joined(node, "(?:");
      case Kind::kLookAhead:
        return LookAhead(node);
      case Kind::kLookBehind:
        return LookBehind(node);
      case Kind::kTextBegin:
        return std::string("\\A");
      case Kind::kTextEnd:
        return std::string("\\z");
      case Kind::kSearchBegin:
        return std::string("\\G");
      case Kind::kKeep:
        if (look_depth_ > 0) return absl::InvalidArgumentError("bad regular expression: \\K in a look-around");
        return std::string("\\K");
    }
    return absl::InternalError("a node of an unknown kind");
  }

 private:
  static std::string Byte(size_t byte) {
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    if (plain) return std::string(1, static_cast<char>(byte));
    char text[8];
    std::snprintf(text, sizeof(text), "\\x%02x", static_cast<unsigned>(byte));
    return text;
  }

  std::string Set(const CodePointSet& set) const {
    const RegexAlphabet::Letters letters = alphabet_.LettersOf(set);
    if (letters.none()) return "(?!)";
    if (letters == alphabet_.all()) return "[\\x00-\\xff]";
    if (letters.count() == 1) return Byte(letters._Find_first());
    std::string out = "[";
    for (size_t i = 0; i < letters.size(); ++i) {
      if (!letters[i]) continue;
      size_t last = i;
      while (last + 1 < letters.size() && letters[last + 1]) ++last;
      out += Byte(i);
      if (last > i) out += (last > i + 1 ? "-" : "") + Byte(last);
      i = last;
    }
    return out + "]";
  }

  absl::StatusOr<std::string> Sequence(const RegexNode& node) {
    std::string out;
    for (const RegexNodePtr& child : node.children) {
      FOREGATE_ASSIGN_OR_RETURN(const std::string part, Write(*child));
      out += part;
    }
    return out;
  }

  // The children as alternatives of a group that begins with `open`.
  absl::StatusOr<std::string> Joined(const RegexNode& node, std::string open) {
    std::string out = std::move(open);
    for (size_t i = 0; i < node.children.size(); ++i) {
      FOREGATE_ASSIGN_OR_RETURN(const std::string part, Write(*node.children[i]));
      out += (i > 0 ? "|" : "") + part;
    }
    return out + ")";
  }

  absl::StatusOr<std::string> Repeat(const RegexNode& node) {
    FOREGATE_ASSIGN_OR_RETURN(std::string body, Write(*node.children[0]));
    if (node.children[0]->kind != Kind::kSet) body = "(?:" + body + ")";
    if (node.max == 0) return std::string();
    if (node.min == 0 && node.max == 1) {
      body += "?";
    } else if (node.max == kUnbounded && node.min < 2) {
      body += node.min == 0 ? "*" : "+";
    } else if (node.min == node.max) {
      body += "{" + std::to_string(node.min) + "}";
    } else {
      body += "{" + std::to_string(node.min) + "," + (node.max == kUnbounded ? "" : std::to_string(node.max)) + "}";
    }
    return node.greedy ? body : body + "?";
  }

  absl::StatusOr<std::string> LookAhead(const RegexNode& node) {
    ++look_depth_;
    auto written = Joined(node, node.negative ? "(?!" : "(?=");
    --look_depth_;
    return written;
  }

  // PCRE2 wants alternatives of fixed length: what has several lengths is written out.
  absl::StatusOr<std::string> LookBehind(const RegexNode& node) {
    ++look_depth_;
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<std::string> alternatives, Alternatives(*node.children[0]));
    --look_depth_;
    std::string out = node.negative ? "(?<!" : "(?<=";
    for (size_t i = 0; i < alternatives.size(); ++i) out += (i > 0 ? "|" : "") + alternatives[i];
    return out + ")";
  }

  using Texts = std::vector<std::string>;

  absl::StatusOr<Texts> Alternatives(const RegexNode& node) {
    if (FixedLength(node).has_value()) {
      FOREGATE_ASSIGN_OR_RETURN(std::string written, Write(node));
      return Texts{std::move(written)};
    }
    Texts out;
    switch (node.kind) {
      case Kind::kSequence:
        out.push_back("");
        for (const RegexNodePtr& child : node.children) {
          FOREGATE_ASSIGN_OR_RETURN(const Texts parts, Alternatives(*child));
          FOREGATE_RETURN_IF_ERROR(Append(parts, &out));
        }
        return out;
      case Kind::kAlternation:
      case Kind::kGroup:
        for (const RegexNodePtr& child : node.children) {
          FOREGATE_ASSIGN_OR_RETURN(const Texts parts, Alternatives(*child));
          out.insert(out.end(), parts.begin(), parts.end());
          if (out.size() > kMaxLookBehindAlternatives) return TooVariable();
        }
        return out;
      case Kind::kRepeat:
        return RepeatAlternatives(node);
      default:
        return TooVariable();
    }
  }

  absl::StatusOr<Texts> RepeatAlternatives(const RegexNode& node) {
    if (node.max == kUnbounded || node.max > kMaxLookBehindRepeat) return TooVariable();
    FOREGATE_ASSIGN_OR_RETURN(const Texts once, Alternatives(*node.children[0]));
    Texts all;
    Texts times = {""};
    for (int count = 0; count <= node.max; ++count) {
      if (count >= node.min) all.insert(all.end(), times.begin(), times.end());
      if (all.size() > kMaxLookBehindAlternatives) return TooVariable();
      if (count < node.max) FOREGATE_RETURN_IF_ERROR(Append(once, &times));
    }
    return all;
  }

  // Every text of `out` followed by every one of `parts`.
  static absl::Status Append(const Texts& parts, Texts* out) {
    if (parts.size() * out->size() > kMaxLookBehindAlternatives) return TooVariable();
    Texts joined;
    for (const std::string& head : *out) {
      for (const std::string& tail : parts) joined.push_back(head + tail);
    }
    *out = std::move(joined);
    return absl::OkStatus();
  }

  static absl::Status TooVariable() {
    return absl::InvalidArgumentError("bad regular expression: a look-behind of unbounded or too variable length");
  }

  const RegexAlphabet& alphabet_;
  int look_depth_ = 0;
};

}  // namespace

std::vector<const CodePointSet*> SetsOf(const RegexNode& root) {
  std::vector<const CodePointSet*> sets;
  CollectSets(root, &sets);
  return sets;
}

absl::StatusOr<std::string> WritePcre2(const RegexNode& root, const RegexAlphabet& alphabet) {
  return Writer(alphabet).Write(root);
}

}  // namespace foregate
