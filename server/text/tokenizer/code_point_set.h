// A set of Unicode code points, as sorted ranges.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_CODE_POINT_SET_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_CODE_POINT_SET_H_

#include <initializer_list>
#include <vector>

namespace foregate {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

// A value. Operations are linear in the number of ranges.
class CodePointSet {
 public:
  struct Range {
    char32_t first;
    char32_t last;  // inclusive
    bool operator==(const Range&) const = default;
  };

  CodePointSet() = default;
  CodePointSet(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) Add(range.first, range.last);
  }
  static CodePointSet All() { return {{0, kLastCodePoint}}; }
  static CodePointSet Of(char32_t code_point) { return {{code_point, code_point}}; }

  // first <= last <= kLastCodePoint.
  void Add(char32_t first, char32_t last);
  void Add(const CodePointSet& other);

  CodePointSet Complement() const;
  CodePointSet Intersection(const CodePointSet& other) const;
  CodePointSet SymmetricDifference(const CodePointSet& other) const;

  bool Contains(char32_t code_point) const;  // logarithmic
  bool empty() const { return ranges_.empty(); }
  // Ascending, disjoint, never adjacent.
  const std::vector<Range>& ranges() const { return ranges_; }
  bool operator==(const CodePointSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_CODE_POINT_SET_H_
