// The tree of a regular expression, in terms that know no syntax: sets of characters, sequences, repeats, assertions.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_NODE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_NODE_H_

#include <memory>
#include <utility>
#include <vector>

#include "server/text/tokenizer/code_point_set.h"

namespace foregate {

struct RegexNode {
  enum class Kind {
    kSet,          // one character of `set`
    kSequence,     // the children one after the other; without children it matches the empty text
    kAlternation,  // the first child that leads to a match
    kRepeat,       // child 0, `min` to `max` times
    kAtomic,       // child 0 without going back into it
    kGroup,        // child 0: a capture in the source, which keeps quantifiers from being simplified through it
    kLookAhead,    // child 0, at this place, not consumed
    kLookBehind,
    kTextBegin,
    kTextEnd,
    kSearchBegin,  // where the search started
    kKeep,         // the match begins here
  };
  static constexpr int kUnbounded = -1;

  Kind kind = Kind::kSequence;
  CodePointSet set;
  int min = 0;
  int max = 0;  // kUnbounded
  bool greedy = true;
  bool negative = false;      // a look-around
  bool is_assertion = false;  // takes no text by construction and cannot be repeated
  std::vector<std::unique_ptr<RegexNode>> children;
};

using RegexNodePtr = std::unique_ptr<RegexNode>;

inline RegexNodePtr MakeRegexNode(RegexNode::Kind kind) {
  auto node = std::make_unique<RegexNode>();
  node->kind = kind;
  return node;
}

inline RegexNodePtr MakeRegexSet(CodePointSet set) {
  auto node = MakeRegexNode(RegexNode::Kind::kSet);
  node->set = std::move(set);
  return node;
}

// A node of `kind` over `children`.
template <typename... Children>
RegexNodePtr MakeRegexParent(RegexNode::Kind kind, Children... children) {
  auto node = MakeRegexNode(kind);
  (node->children.push_back(std::move(children)), ...);
  return node;
}

inline RegexNodePtr MakeRegexLook(RegexNode::Kind kind, bool negative, RegexNodePtr child) {
  auto node = MakeRegexParent(kind, std::move(child));
  node->negative = negative;
  return node;
}

inline RegexNodePtr MakeRegexRepeat(RegexNodePtr child, int min, int max, bool greedy = true) {
  auto node = MakeRegexParent(RegexNode::Kind::kRepeat, std::move(child));
  node->min = min;
  node->max = max;
  node->greedy = greedy;
  return node;
}

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_NODE_H_
