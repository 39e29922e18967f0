#include "server/text/tokenizer/regex_assertion.h"

#include <string>

#include "kernels/base/check.h"
#include "server/text/tokenizer/unicode_sets.h"

namespace foregate {
namespace {

using Kind = RegexNode::Kind;

RegexNodePtr Newline() { return MakeRegexSet(CodePointSet::Of('\n')); }

RegexNodePtr Ahead(RegexNodePtr node, bool negative = false) {
  return MakeRegexLook(Kind::kLookAhead, negative, std::move(node));
}

RegexNodePtr Behind(RegexNodePtr node, bool negative = false) {
  return MakeRegexLook(Kind::kLookBehind, negative, std::move(node));
}

template <typename... Nodes>
RegexNodePtr Sequence(Nodes... nodes) {
  return MakeRegexParent(Kind::kSequence, std::move(nodes)...);
}

template <typename... Nodes>
RegexNodePtr Either(Nodes... nodes) {
  return MakeRegexParent(Kind::kAlternation, std::move(nodes)...);
}

RegexNodePtr Any(const CodePointSet& set) { return MakeRegexRepeat(MakeRegexSet(set), 0, RegexNode::kUnbounded); }

RegexNodePtr Some(const CodePointSet& set) { return MakeRegexRepeat(MakeRegexSet(set), 1, RegexNode::kUnbounded); }

// The tables hold what joins what; the classes of the standard follow.
struct ClusterSets {
  ClusterSets() {
    const CodePointSet after_picture = Named("picture");
    joiner = Named("joiner");
    control = Named("control");
    prepend = Without(Named("prepend"), control);
    extend = Named("extend");
    picture = Without(after_picture, joiner);
    flag = Without(Named("flag"), joiner);
    const CodePointSet before_l = Without(Named("beforel"), prepend);
    const CodePointSet before_v = Without(Named("beforev"), prepend);
    const CodePointSet before_t = Without(Named("beforet"), prepend);
    leading = before_l.Intersection(Named("afterl"));
    vowel = before_v.Intersection(Named("afterv"));
    trailing = before_t.Intersection(Named("aftert"));
    open_syllable = Without(Without(before_v, leading), vowel);
    closed_syllable = Without(Without(Without(before_t, open_syllable), vowel), trailing);
  }

  static CodePointSet Named(const std::string& name) {
    const CodePointSet* set = FindUnicodeSet("cluster:" + name);
    FOREGATE_CHECK(set != nullptr);
    return *set;
  }
  static CodePointSet Without(const CodePointSet& a, const CodePointSet& b) { return a.Intersection(b.Complement()); }

  CodePointSet joiner, control, prepend, extend, picture, flag;
  CodePointSet leading, vowel, trailing, open_syllable, closed_syllable;  // Hangul
};

}  // namespace

// Oniguruma's ^ does not hold at the end of a text that ends in a newline.
RegexNodePtr LineBegin() {
  auto after_newline = Sequence(Behind(Newline()), Ahead(MakeRegexNode(Kind::kTextEnd), true));
  return Either(MakeRegexNode(Kind::kTextBegin), std::move(after_newline));
}

RegexNodePtr LineEnd() { return Either(MakeRegexNode(Kind::kTextEnd), Ahead(Newline())); }

RegexNodePtr TextEndOrLastNewline() {
  return Either(MakeRegexNode(Kind::kTextEnd), Ahead(Sequence(Newline(), MakeRegexNode(Kind::kTextEnd))));
}

RegexNodePtr WordBoundary(const CodePointSet& word, bool at_boundary) {
  const auto side = [&](bool before, bool after) {
    return Sequence(Behind(MakeRegexSet(word), !before), Ahead(MakeRegexSet(word), !after));
  };
  return Either(side(true, !at_boundary), side(false, at_boundary));
}

RegexNodePtr GeneralNewline() {
  auto carriage_return = Sequence(MakeRegexSet(CodePointSet::Of('\r')), Newline());
  auto single = MakeRegexSet({{0x0A, 0x0D}, {0x85, 0x85}, {0x2028, 0x2029}});
  return MakeRegexParent(Kind::kAtomic, Either(std::move(carriage_return), std::move(single)));
}

RegexNodePtr GraphemeCluster() {
  static const ClusterSets& sets = *new ClusterSets;
  auto vowels = Sequence(MakeRegexSet(sets.open_syllable), Any(sets.vowel));
  auto middle = Either(std::move(vowels), MakeRegexSet(sets.closed_syllable), Some(sets.vowel));
  auto hangul = Sequence(Any(sets.leading), std::move(middle), Any(sets.trailing));
  auto joined_picture = Sequence(Any(sets.extend), MakeRegexSet(CodePointSet::Of(0x200D)), MakeRegexSet(sets.picture));
  auto pictures =
      Sequence(MakeRegexSet(sets.picture), MakeRegexRepeat(std::move(joined_picture), 0, RegexNode::kUnbounded));
  auto flags = Sequence(MakeRegexSet(sets.flag), MakeRegexSet(sets.flag));
  CodePointSet inert = sets.control;
  inert.Add(sets.joiner);
  inert.Add(sets.prepend);
  auto core = Either(std::move(hangul), Some(sets.leading), Some(sets.trailing), std::move(flags), std::move(pictures),
                     MakeRegexSet(inert.Complement()));
  auto whole = Sequence(Any(sets.prepend), std::move(core), Any(sets.joiner));
  auto bare = Sequence(MakeRegexRepeat(MakeRegexSet(sets.prepend), 1, RegexNode::kUnbounded), Any(sets.joiner));
  auto carriage_return = Sequence(MakeRegexSet(CodePointSet::Of('\r')), Newline());
  return MakeRegexParent(Kind::kAtomic, Either(std::move(carriage_return), MakeRegexSet(sets.control), std::move(whole),
                                               std::move(bare), Some(sets.joiner)));
}

}  // namespace foregate
