#include "server/text/tokenizer/grapheme_break.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "server/text/utf8.h"

namespace foregate {
namespace {

enum class C : uint8_t {
  kOther,
  kCarriageReturn,
  kLineFeed,
  kControl,
  kExtend,
  kLinker,     // an Extend that joins consonants of Indic scripts
  kNonJoiner,  // U+200C, an Extend that keeps them apart
  kZeroWidthJoiner,
  kSpacingMark,
  kPrepend,
  kRegionalIndicator,
  kHangulL,
  kHangulV,
  kHangulT,
  kHangulLv,
  kHangulLvt,
  kPictographic,
  kConsonant,  // of an Indic script with linkers
};

struct ClassRange {
  uint32_t first;
  uint32_t last;
  C value;
};

constexpr ClassRange kRanges[] = {
#include "server/text/tokenizer/grapheme_break_table.inc"
};

C ClassOf(char32_t c) {
  if (c >= 0xAC00 && c <= 0xD7A3) return (c - 0xAC00) % 28 == 0 ? C::kHangulLv : C::kHangulLvt;
  const auto* range = std::lower_bound(std::begin(kRanges), std::end(kRanges), c,
                                       [](const ClassRange& r, char32_t v) { return r.last < v; });
  return range == std::end(kRanges) || c < range->first ? C::kOther : range->value;
}

bool IsExtending(C c) { return c == C::kExtend || c == C::kLinker || c == C::kNonJoiner || c == C::kZeroWidthJoiner; }

bool IsControl(C c) { return c == C::kControl || c == C::kCarriageReturn || c == C::kLineFeed; }

bool JoinsHangul(C before, C after) {
  if (before == C::kHangulL) {
    return after == C::kHangulL || after == C::kHangulV || after == C::kHangulLv || after == C::kHangulLvt;
  }
  if (before == C::kHangulLv || before == C::kHangulV) return after == C::kHangulV || after == C::kHangulT;
  return (before == C::kHangulLvt || before == C::kHangulT) && after == C::kHangulT;
}

// What the rules that look further back than one character need to know of the cluster so far.
class Cluster {
 public:
  explicit Cluster(C first) { Add(first); }

  bool Continues(C next) const {
    if (last_ == C::kCarriageReturn && next == C::kLineFeed) return true;                      // GB3
    if (IsControl(last_) || IsControl(next)) return false;                                     // GB4, GB5
    if (JoinsHangul(last_, next)) return true;                                                 // GB6, GB7, GB8
    if (IsExtending(next) || next == C::kSpacingMark || last_ == C::kPrepend) return true;     // GB9, GB9a, GB9b
    if (next == C::kConsonant && conjunct_ == Conjunct::kLinked) return true;                  // GB9c
    if (next == C::kPictographic && last_ == C::kZeroWidthJoiner && pictograph_) return true;  // GB11
    return next == C::kRegionalIndicator && odd_indicators_;                                   // GB12, GB13
  }

  void Add(C next) {
    if (next == C::kConsonant) {
      conjunct_ = Conjunct::kConsonant;
    } else if (next == C::kLinker) {
      if (conjunct_ != Conjunct::kNone) conjunct_ = Conjunct::kLinked;
    } else if (next != C::kExtend && next != C::kZeroWidthJoiner) {
      conjunct_ = Conjunct::kNone;
    }
    // The last character before a run of Extend, and one joiner, decides.
    if (!IsExtending(next)) {
      pictograph_ = next == C::kPictographic;
    } else if (last_ == C::kZeroWidthJoiner) {
      pictograph_ = false;
    }
    odd_indicators_ = next == C::kRegionalIndicator && !odd_indicators_;
    last_ = next;
  }

 private:
  enum class Conjunct { kNone, kConsonant, kLinked };

  C last_ = C::kOther;
  Conjunct conjunct_ = Conjunct::kNone;
  bool pictograph_ = false;
  bool odd_indicators_ = false;
};

}  // namespace

size_t GraphemeEnd(std::string_view text, size_t begin) {
  size_t end = begin;
  Cluster cluster(ClassOf(NextCodePoint(text, &end)));
  while (end < text.size()) {
    size_t next_end = end;
    const C next = ClassOf(NextCodePoint(text, &next_end));
    if (!cluster.Continues(next)) break;
    cluster.Add(next);
    end = next_end;
  }
  return end;
}

}  // namespace foregate
