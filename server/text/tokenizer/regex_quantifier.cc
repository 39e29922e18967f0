#include "server/text/tokenizer/regex_quantifier.h"

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

using Kind = RegexNode::Kind;
constexpr int kUnbounded = RegexNode::kUnbounded;
constexpr int kMaxRepeat = 65'535;  // PCRE2's; Oniguruma's is 100,000

// -1 when no digit stands here; kMaxRepeat + 1 for everything beyond.
int ReadCount(RegexCursor* cursor) {
  int value = -1;
  while (cursor->Peek() >= '0' && cursor->Peek() <= '9') {
    value = (value < 0 ? 0 : value) * 10 + static_cast<int>(cursor->Next() - '0');
    if (value > kMaxRepeat) value = kMaxRepeat + 1;
  }
  return value;
}

// {n} {n,} {n,m} {,m}; {n,m} with n > m is possessive. `fixed` tells {n}, which never takes a '?'.
absl::StatusOr<std::optional<RegexQuantifier>> ReadInterval(RegexCursor* cursor, bool* fixed) {
  const size_t begin = cursor->position++;
  RegexQuantifier read;
  const int low = ReadCount(cursor);
  const bool has_comma = cursor->Consume(',');
  const int high = has_comma ? ReadCount(cursor) : low;
  *fixed = !has_comma;
  if ((low < 0 && high < 0) || !cursor->Consume('}')) {
    cursor->position = begin;
    return std::nullopt;
  }
  if (low > kMaxRepeat || high > kMaxRepeat) {
    return cursor->Error("a repeat beyond " + std::to_string(kMaxRepeat) + " is not supported", begin);
  }
  read.min = low < 0 ? 0 : low;
  read.max = high < 0 ? kUnbounded : high;
  if (read.max != kUnbounded && read.min > read.max) {
    std::swap(read.min, read.max);
    read.possessive = true;
  }
  return read;
}

// ? * + ?? *? +?, else -1.
int SimpleKind(int min, int max, bool greedy) {
  if (min > 1) return -1;
  if (max == 1 && min == 0) return greedy ? 0 : 3;
  if (max == kUnbounded) return (min == 0 ? 1 : 2) + (greedy ? 0 : 3);
  return -1;
}

enum class Reduction { kKeepBoth, kKeepInner, kStar, kLazyStar, kPlus, kLazyMaybe, kPlusThenLazyMaybe };

// [inner][outer], in SimpleKind's order.
constexpr Reduction kAsIs = Reduction::kKeepBoth;
constexpr Reduction kInner = Reduction::kKeepInner;
constexpr Reduction kReductions[6][6] = {
    {kInner, Reduction::kStar, Reduction::kStar, Reduction::kLazyMaybe, Reduction::kLazyStar, kAsIs},
    {kInner, kInner, kInner, Reduction::kPlusThenLazyMaybe, Reduction::kPlusThenLazyMaybe, kInner},
    {Reduction::kStar, Reduction::kStar, kInner, kAsIs, Reduction::kPlusThenLazyMaybe, kInner},
    {kInner, Reduction::kLazyStar, Reduction::kLazyStar, kInner, Reduction::kLazyStar, Reduction::kLazyStar},
    {kInner, kInner, kInner, kInner, kInner, kInner},
    {kAsIs, Reduction::kStar, Reduction::kPlus, Reduction::kLazyStar, Reduction::kLazyStar, kInner},
};

RegexNodePtr Reduced(RegexNodePtr inner, RegexQuantifier outer, int inner_kind, int outer_kind) {
  RegexNodePtr& body = inner->children[0];
  switch (kReductions[inner_kind][outer_kind]) {
    case Reduction::kKeepInner:
      return inner;
    case Reduction::kStar:
      return MakeRegexRepeat(std::move(body), 0, kUnbounded);
    case Reduction::kLazyStar:
      return MakeRegexRepeat(std::move(body), 0, kUnbounded, false);
    case Reduction::kPlus:
      return MakeRegexRepeat(std::move(body), 1, kUnbounded);
    case Reduction::kLazyMaybe:
      return MakeRegexRepeat(std::move(body), 0, 1, false);
    case Reduction::kPlusThenLazyMaybe:
      return MakeRegexRepeat(MakeRegexRepeat(std::move(body), 1, kUnbounded), 0, 1, false);
    case Reduction::kKeepBoth:
      break;
  }
  return MakeRegexRepeat(std::move(inner), outer.min, outer.max, outer.greedy);
}

RegexNodePtr Repeated(RegexNodePtr node, RegexQuantifier quantifier) {
  if (quantifier.min == 1 && quantifier.max == 1) return node;
  if (node->kind == Kind::kRepeat) {
    const int inner = SimpleKind(node->min, node->max, node->greedy);
    const int outer = SimpleKind(quantifier.min, quantifier.max, quantifier.greedy);
    if (inner >= 0 && outer >= 0) return Reduced(std::move(node), quantifier, inner, outer);
    const bool star_or_plus = inner == 1 || inner == 2;
    if (star_or_plus && quantifier.max > 1 && quantifier.greedy) {
      quantifier.max = quantifier.min == 0 ? 1 : quantifier.min;  // (?:a*){2,5} is (?:a*){2}
    }
  }
  return MakeRegexRepeat(std::move(node), quantifier.min, quantifier.max, quantifier.greedy);
}

}  // namespace

absl::StatusOr<std::optional<RegexQuantifier>> ReadRegexQuantifier(RegexCursor* cursor) {
  RegexQuantifier read;
  const char32_t c = cursor->Peek();
  bool is_interval = c == '{';
  if (is_interval) {
    bool fixed = false;
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<RegexQuantifier> interval, ReadInterval(cursor, &fixed));
    if (!interval.has_value() || fixed) return interval;
    read = *interval;
  } else if (c == '*' || c == '+' || c == '?') {
    ++cursor->position;
    read.min = c == '+' ? 1 : 0;
    read.max = c == '?' ? 1 : kUnbounded;
  } else {
    return std::nullopt;
  }
  if (!read.possessive && cursor->Consume('?')) {
    read.greedy = false;
  } else if (!is_interval && cursor->Consume('+')) {
    read.possessive = true;
  }
  return read;
}

RegexNodePtr Quantified(RegexNodePtr node, const RegexQuantifier& quantifier) {
  RegexNodePtr repeated = Repeated(std::move(node), quantifier);
  if (!quantifier.possessive) return repeated;
  return MakeRegexParent(Kind::kAtomic, std::move(repeated));
}

}  // namespace foregate
