#include "server/text/tokenizer/regex_parser.h"

#include <algorithm>
#include <optional>
#include <string>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/regex_assertion.h"
#include "server/text/tokenizer/regex_class.h"
#include "server/text/tokenizer/regex_cursor.h"
#include "server/text/tokenizer/regex_escape.h"
#include "server/text/tokenizer/regex_fold.h"
#include "server/text/tokenizer/regex_quantifier.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

using Kind = RegexNode::Kind;
using Parsed = absl::StatusOr<RegexNodePtr>;

constexpr int kMaxDepth = 100;

class Parser {
 public:
  explicit Parser(std::u32string pattern) { cursor_.pattern = std::move(pattern); }

  Parsed Parse() {
    FOREGATE_ASSIGN_OR_RETURN(RegexNodePtr node, Alternation());
    if (!cursor_.at_end()) return cursor_.Error("a ')' without its '('");
    return node;
  }

 private:
  // What a branch has collected: nodes, and literal characters that follow them.
  struct Branch {
    RegexNodePtr sequence = MakeRegexNode(Kind::kSequence);
    std::u32string literal;
  };

  // Up to the ')' of the group, or the end.
  Parsed Alternation() {
    if (++depth_ > kMaxDepth) return cursor_.Error("groups nest too deep");
    auto alternation = MakeRegexNode(Kind::kAlternation);
    do {
      FOREGATE_ASSIGN_OR_RETURN(RegexNodePtr branch, ReadBranch());
      alternation->children.push_back(std::move(branch));
    } while (cursor_.Consume('|'));
    --depth_;
    if (alternation->children.size() == 1) return std::move(alternation->children[0]);
    return alternation;
  }

  Parsed ReadBranch() {
    Branch branch;
    while (true) {
      FOREGATE_RETURN_IF_ERROR(SkipIgnored());
      const char32_t c = cursor_.Peek();
      if (cursor_.at_end() || c == '|' || c == ')') break;
      FOREGATE_RETURN_IF_ERROR(ReadItem(&branch));
    }
    Flush(&branch);
    if (branch.sequence->children.size() == 1) return std::move(branch.sequence->children[0]);
    return std::move(branch.sequence);
  }

  void Flush(Branch* branch) {
    if (branch->literal.empty()) return;
    branch->sequence->children.push_back(Literal(branch->literal));
    branch->literal.clear();
  }

  RegexNodePtr Literal(std::u32string_view text) const {
    return cursor_.options.ignore_case ? FoldedText(text, look_behind_depth_ > 0) : LiteralText(text);
  }

  // An atom with its quantifiers, or literal characters; a quantifier takes the last one only.
  absl::Status ReadItem(Branch* branch) {
    RegexNodePtr atom;
    FOREGATE_RETURN_IF_ERROR(ReadAtom(&atom, &branch->literal));
    FOREGATE_RETURN_IF_ERROR(SkipIgnored());
    FOREGATE_ASSIGN_OR_RETURN(std::optional<RegexQuantifier> quantifier, ReadRegexQuantifier(&cursor_));
    if (atom == nullptr && !quantifier.has_value()) return absl::OkStatus();
    if (atom == nullptr) {
      if (branch->literal.empty()) return cursor_.Error("nothing to repeat");
      atom = Literal(branch->literal.substr(branch->literal.size() - 1));
      branch->literal.pop_back();
    }
    Flush(branch);
    for (int count = 1; quantifier.has_value(); ++count) {
      if (count > kMaxDepth) return cursor_.Error("too many quantifiers");
      if (IsUnrepeatable(*atom)) return cursor_.Error("an assertion cannot be repeated");
      atom = Quantified(std::move(atom), *quantifier);
      FOREGATE_RETURN_IF_ERROR(SkipIgnored());
      FOREGATE_ASSIGN_OR_RETURN(quantifier, ReadRegexQuantifier(&cursor_));
    }
    branch->sequence->children.push_back(std::move(atom));
    return absl::OkStatus();
  }

  // Comments, and blanks under (?x).
  absl::Status SkipIgnored() {
    while (!cursor_.at_end()) {
      const char32_t c = cursor_.Peek();
      if (c == '(' && cursor_.Peek(1) == '?' && cursor_.Peek(2) == '#') {
        FOREGATE_RETURN_IF_ERROR(SkipComment());
      } else if (cursor_.options.extended && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')) {
        ++cursor_.position;
      } else if (cursor_.options.extended && c == '#') {
        while (!cursor_.at_end() && cursor_.Next() != '\n') {
        }
      } else {
        break;
      }
    }
    return absl::OkStatus();
  }

  absl::Status SkipComment() {
    const size_t begin = cursor_.position;
    while (!cursor_.at_end()) {
      const char32_t c = cursor_.Next();
      if (c == '\\') cursor_.Next();
      if (c == ')') return absl::OkStatus();
    }
    return cursor_.Error("a comment without its ')'", begin);
  }

  // Either sets `atom` or appends to `literal`.
  absl::Status ReadAtom(RegexNodePtr* atom, std::u32string* literal) {
    const size_t begin = cursor_.position;
    switch (const char32_t c = cursor_.Peek(); c) {
      case '\\':
        return ReadEscape(atom, literal);
      case '(': {
        FOREGATE_ASSIGN_OR_RETURN(*atom, Group());
        return absl::OkStatus();
      }
      case '[': {
        ++cursor_.position;
        FOREGATE_ASSIGN_OR_RETURN(const RegexClass read, ReadRegexClass(&cursor_));
        const bool fold = cursor_.options.ignore_case;
        *atom = fold ? FoldedClass(read) : MakeRegexSet(read.negative ? read.members.Complement() : read.members);
        return absl::OkStatus();
      }
      case '.':
        ++cursor_.position;
        *atom = MakeRegexSet(cursor_.options.dot_matches_newline ? CodePointSet::All() : NotNewline());
        return absl::OkStatus();
      case '^':
      case '$':
        ++cursor_.position;
        *atom = Assertion(c == '^' ? LineBegin() : LineEnd());
        return absl::OkStatus();
      case '*':
      case '+':
      case '?':
        return cursor_.Error("nothing to repeat");
      case '{': {
        FOREGATE_ASSIGN_OR_RETURN(const auto quantifier, ReadRegexQuantifier(&cursor_));
        if (quantifier.has_value()) return cursor_.Error("nothing to repeat", begin);
        [[fallthrough]];
      }
      default:
        ++cursor_.position;
        literal->push_back(c);
        return absl::OkStatus();
    }
  }

  static bool IsUnrepeatable(const RegexNode& node) {
    if (node.is_assertion) return true;
    return node.kind == Kind::kAlternation &&
           std::any_of(node.children.begin(), node.children.end(),
                       [](const RegexNodePtr& child) { return IsUnrepeatable(*child); });
  }

  static CodePointSet NotNewline() { return CodePointSet::Of('\n').Complement(); }

  static RegexNodePtr Assertion(RegexNodePtr node) {
    node->is_assertion = true;
    return node;
  }

  absl::Status ReadEscape(RegexNodePtr* atom, std::u32string* literal) {
    const size_t begin = cursor_.position;
    FOREGATE_ASSIGN_OR_RETURN(std::optional<CodePointSet> set, ReadClassEscape(&cursor_, false));
    if (set.has_value()) {
      *atom = MakeRegexSet(std::move(*set));
      return absl::OkStatus();
    }
    *atom = NamedUnit(cursor_.Peek(1));
    if (*atom != nullptr) {
      cursor_.position += 2;
      return absl::OkStatus();
    }
    FOREGATE_RETURN_IF_ERROR(RefuseReference());
    if (cursor_.Peek(1) == '8' || cursor_.Peek(1) == '9') {  // no digit of an octal number
      literal->push_back(cursor_.Peek(1));
      cursor_.position += 2;
      return absl::OkStatus();
    }
    FOREGATE_ASSIGN_OR_RETURN(const std::u32string characters, ReadCharacterEscape(&cursor_));
    if (characters.empty()) return cursor_.Error("an escape that means nothing", begin);
    literal->append(characters);
    return absl::OkStatus();
  }

  // Null when `letter` does not name a place or a unit of text.
  RegexNodePtr NamedUnit(char32_t letter) const {
    switch (letter) {
      case 'b':
      case 'B':
        return Assertion(WordBoundary(WordCharacters(cursor_.options), letter == 'b'));
      case 'A':
        return Assertion(MakeRegexNode(Kind::kTextBegin));
      case 'z':
        return Assertion(MakeRegexNode(Kind::kTextEnd));
      case 'Z':
        return Assertion(TextEndOrLastNewline());
      case 'G':
        return Assertion(MakeRegexNode(Kind::kSearchBegin));
      case 'K':
        return Assertion(MakeRegexNode(Kind::kKeep));
      case 'R':
        return GeneralNewline();
      case 'X':
        return GraphemeCluster();
      case 'N':
        return MakeRegexSet(NotNewline());
      case 'O':
        return MakeRegexSet(CodePointSet::All());
      default:
        return nullptr;
    }
  }

  // \1 to \9, and more digits when there are as many groups; \k<name>, \g<name>; \y and \Y.
  absl::Status RefuseReference() const {
    const char32_t c = cursor_.Peek(1);
    if (c == 'y' || c == 'Y') return cursor_.Error("boundaries of text segments (\\y, \\Y) are not supported");
    if ((c == 'k' || c == 'g') && (cursor_.Peek(2) == '<' || cursor_.Peek(2) == '\'')) {
      return cursor_.Error("back-references and calls (\\k, \\g) are not supported");
    }
    if (c < '1' || c > '9') return absl::OkStatus();
    int number = 0;
    for (size_t i = 1; cursor_.Peek(i) >= '0' && cursor_.Peek(i) <= '9' && number < 100'000; ++i) {
      number = number * 10 + static_cast<int>(cursor_.Peek(i) - '0');
    }
    if (number > 9 && number > num_groups_) return absl::OkStatus();
    return cursor_.Error("back-references are not supported");
  }

  Parsed Group() {
    const size_t begin = cursor_.position++;
    if (cursor_.Peek() == '*') return cursor_.Error("callouts are not supported", begin);
    const RegexOptions outer = cursor_.options;
    Kind kind = Kind::kGroup;
    bool negative = false;
    bool isolated = false;
    if (cursor_.Consume('?')) {
      FOREGATE_RETURN_IF_ERROR(GroupKind(begin, &kind, &negative, &isolated));
    } else {
      ++num_groups_;
    }
    look_behind_depth_ += kind == Kind::kLookBehind ? 1 : 0;
    FOREGATE_ASSIGN_OR_RETURN(RegexNodePtr inside, Alternation());
    look_behind_depth_ -= kind == Kind::kLookBehind ? 1 : 0;
    cursor_.options = outer;
    // Options that stand alone hold to the end of the enclosing group, whose ')' stays for it.
    if (isolated) return MakeRegexParent(Kind::kGroup, std::move(inside));
    if (!cursor_.Consume(')')) return cursor_.Error("a group without its ')'", begin);
    if (kind == Kind::kSequence) return inside;
    const bool is_look = kind == Kind::kLookAhead || kind == Kind::kLookBehind;
    if (is_look) return Assertion(MakeRegexLook(kind, negative, std::move(inside)));
    return MakeRegexParent(kind, std::move(inside));
  }

  // Behind "(?": kSequence for a group that only groups.
  absl::Status GroupKind(size_t begin, Kind* kind, bool* negative, bool* isolated) {
    const char32_t c = cursor_.Next();
    switch (c) {
      case ':':
        *kind = Kind::kSequence;
        return absl::OkStatus();
      case '>':
        *kind = Kind::kAtomic;
        return absl::OkStatus();
      case '=':
      case '!':
        *kind = Kind::kLookAhead;
        *negative = c == '!';
        return absl::OkStatus();
      case '\'':
        return SkipName('\'', begin);
      case '<':
        if (cursor_.Peek() != '=' && cursor_.Peek() != '!') return SkipName('>', begin);
        *kind = Kind::kLookBehind;
        *negative = cursor_.Next() == '!';
        return absl::OkStatus();
      case '~':
        return cursor_.Error("absent functions are not supported", begin);
      case '(':
        return cursor_.Error("conditionals are not supported", begin);
      case '{':
        return cursor_.Error("callouts are not supported", begin);
      default:
        --cursor_.position;
        return ReadOptions(begin, isolated);
    }
  }

  absl::Status SkipName(char32_t end, size_t begin) {
    const size_t name_begin = cursor_.position;
    while (!cursor_.at_end() && cursor_.Peek() != end && cursor_.Peek() != ')') ++cursor_.position;
    if (cursor_.position == name_begin || !cursor_.Consume(end)) return cursor_.Error("a bad name of a group", begin);
    ++num_groups_;
    return absl::OkStatus();
  }

  // "imx-W:" or "imx-W)".
  absl::Status ReadOptions(size_t begin, bool* isolated) {
    RegexOptions options = cursor_.options;
    bool value = true;
    while (true) {
      const char32_t c = cursor_.Next();
      if (c == ':' || c == ')') {
        cursor_.options = options;
        *isolated = c == ')';
        return absl::OkStatus();
      }
      bool* const option = OptionNamed(c, &options);
      if (c == '-') {
        value = false;
      } else if (option != nullptr) {
        *option = value;
      } else {
        return cursor_.Error("the option of a group is not known or not supported", begin);
      }
    }
  }

  static bool* OptionNamed(char32_t letter, RegexOptions* options) {
    switch (letter) {
      case 'i':
        return &options->ignore_case;
      case 'm':
        return &options->dot_matches_newline;
      case 'x':
        return &options->extended;
      case 'W':
        return &options->ascii_word;
      case 'D':
        return &options->ascii_digit;
      case 'S':
        return &options->ascii_space;
      case 'P':
        return &options->ascii_posix;
      default:
        return nullptr;
    }
  }

  RegexCursor cursor_;
  int depth_ = 0;
  int look_behind_depth_ = 0;
  int num_groups_ = 0;
};

}  // namespace

Parsed ParseOniguruma(std::string_view pattern) {
  if (const auto offset = FirstInvalidUtf8(pattern); offset.has_value()) {
    return absl::InvalidArgumentError("bad regular expression: broken UTF-8 at byte " + std::to_string(*offset));
  }
  std::u32string characters;
  for (size_t i = 0; i < pattern.size();) characters.push_back(NextCodePoint(pattern, &i));
  return Parser(std::move(characters)).Parse();
}

}  // namespace foregate
