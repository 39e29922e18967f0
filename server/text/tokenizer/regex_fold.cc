#include "server/text/tokenizer/regex_fold.h"

#include "server/text/tokenizer/unicode_case.h"

namespace foregate {
namespace {

using Kind = RegexNode::Kind;

std::u32string Representatives(std::u32string_view text) {
  std::u32string folded;
  for (const char32_t c : text) folded.push_back(OnigurumaCaseFolds().Representative(c));
  return folded;
}

RegexNodePtr EqualTexts(std::u32string_view text) {
  auto sequence = MakeRegexNode(Kind::kSequence);
  for (const char32_t c : text) sequence->children.push_back(MakeRegexSet(OnigurumaCaseFolds().EqualTo(c)));
  return sequence;
}

// The longest beginning of `text` that folds together. `length` is how many characters it takes.
RegexNodePtr FoldedBeginning(std::u32string_view text, bool in_look_behind, size_t* length) {
  const CaseFolds& folds = OnigurumaCaseFolds();
  for (*length = 3; *length > 1 && !in_look_behind; --*length) {
    if (text.size() < *length) continue;
    const std::u32string beginning = Representatives(text.substr(0, *length));
    const auto found = folds.contraction.find(beginning);
    if (found == folds.contraction.end()) continue;
    return MakeRegexParent(Kind::kAlternation, EqualTexts(beginning), MakeRegexSet(found->second));
  }
  *length = 1;
  const auto expansion = folds.expansion.find(text[0]);
  if (expansion == folds.expansion.end() || in_look_behind) return MakeRegexSet(folds.EqualTo(text[0]));
  CodePointSet alone = folds.EqualTo(text[0]);
  alone.Add(folds.contraction.at(expansion->second));
  return MakeRegexParent(Kind::kAlternation, MakeRegexSet(std::move(alone)), EqualTexts(expansion->second));
}

}  // namespace

RegexNodePtr LiteralText(std::u32string_view text) {
  if (text.size() == 1) return MakeRegexSet(CodePointSet::Of(text[0]));
  auto sequence = MakeRegexNode(Kind::kSequence);
  for (const char32_t c : text) sequence->children.push_back(MakeRegexSet(CodePointSet::Of(c)));
  return sequence;
}

RegexNodePtr FoldedText(std::u32string_view text, bool in_look_behind) {
  auto sequence = MakeRegexNode(Kind::kSequence);
  while (!text.empty()) {
    size_t length = 0;
    sequence->children.push_back(FoldedBeginning(text, in_look_behind, &length));
    text.remove_prefix(length);
  }
  if (sequence->children.size() == 1) return std::move(sequence->children[0]);
  return sequence;
}

RegexNodePtr FoldedClass(const RegexClass& source) {
  const CaseFolds& folds = OnigurumaCaseFolds();
  CodePointSet closed = source.members;
  for (const auto& [representative, equal] : folds.members) {
    if (!source.members.Intersection(equal).empty()) closed.Add(equal);
  }
  if (source.negative) return MakeRegexSet(closed.Complement());
  auto alternation = MakeRegexParent(Kind::kAlternation, MakeRegexSet(closed));
  for (const auto& [expansion, contracted] : folds.contraction) {
    if (!closed.Intersection(contracted).empty()) alternation->children.push_back(EqualTexts(expansion));
  }
  if (alternation->children.size() == 1) return std::move(alternation->children[0]);
  return alternation;
}

}  // namespace foregate
