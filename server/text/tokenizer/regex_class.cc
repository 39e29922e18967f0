#include "server/text/tokenizer/regex_class.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/regex_escape.h"

namespace foregate {
namespace {

constexpr int kMaxNesting = 50;
constexpr std::array<std::string_view, 14> kPosixNames = {"alnum", "alpha", "ascii", "blank", "cntrl",
                                                          "digit", "graph", "lower", "print", "punct",
                                                          "space", "upper", "word",  "xdigit"};

class ClassReader {
 public:
  ClassReader(RegexCursor* cursor, int depth) : cursor_(*cursor), depth_(depth) {}

  absl::StatusOr<RegexClass> Read() {
    const size_t begin = cursor_.position;
    if (depth_ > kMaxNesting) return cursor_.Error("classes nest too deep");
    RegexClass result;
    result.negative = cursor_.Consume('^');
    if (cursor_.Peek() == ']') {
      // A ']' in the first place is a member when another one follows.
      if (!AnotherCloses()) return cursor_.Error("an empty class");
      ++cursor_.position;
      FOREGATE_RETURN_IF_ERROR(AddCharacter(']'));
    }
    while (!cursor_.Consume(']')) {
      if (cursor_.at_end()) return cursor_.Error("a class without its ']'", begin);
      FOREGATE_RETURN_IF_ERROR(ReadItem());
    }
    FinishOperand();
    result.members = std::move(*intersection_);
    return result;
  }

 private:
  enum class State { kStart, kValue, kRange, kComplete };

  bool AnotherCloses() const {
    for (size_t i = cursor_.position + 1; i < cursor_.pattern.size(); ++i) {
      if (cursor_.pattern[i] == '\\') {
        ++i;
      } else if (cursor_.pattern[i] == ']') {
        return true;
      }
    }
    return false;
  }

  absl::Status ReadItem() {
    if (cursor_.Consume(U"&&")) {
      FinishOperand();
      return absl::OkStatus();
    }
    const char32_t c = cursor_.Peek();
    if (c == '-') return ReadHyphen();
    if (c == '[') return ReadBracket();
    if (c == '\\') return ReadEscape();
    ++cursor_.position;
    return AddCharacter(c);
  }

  absl::Status ReadHyphen() {
    ++cursor_.position;
    const char32_t next = cursor_.Peek();
    const bool last = next == ']' || (next == '&' && cursor_.Peek(1) == '&');
    if (state_ != State::kValue || last) return AddCharacter('-');  // also a second one, as in [0-9-a]
    if (!pending_.has_value()) return cursor_.Error("a class cannot begin a range");
    state_ = State::kRange;
    return absl::OkStatus();
  }

  absl::Status ReadBracket() {
    if (cursor_.Peek(1) == ':') {
      FOREGATE_ASSIGN_OR_RETURN(const bool was_posix, ReadPosix());
      if (was_posix) return absl::OkStatus();
    }
    ++cursor_.position;
    AddPending();
    state_ = State::kComplete;
    FOREGATE_ASSIGN_OR_RETURN(const RegexClass inner, ClassReader(&cursor_, depth_ + 1).Read());
    members_.Add(inner.negative ? inner.members.Complement() : inner.members);
    return absl::OkStatus();
  }

  // [:alpha:] and [:^alpha:]. False when the text only begins like one.
  absl::StatusOr<bool> ReadPosix() {
    const std::u32string_view rest = std::u32string_view(cursor_.pattern).substr(cursor_.position + 2);
    const size_t end = rest.find(U":]");
    if (end == std::u32string_view::npos || end == 0) return false;
    const std::u32string_view inside = rest.substr(0, end);
    const bool negative = inside.starts_with(U'^');
    std::string name;
    for (const char32_t c : inside.substr(negative ? 1 : 0)) {
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
      if (!is_letter) return false;
      name.push_back(c < 0x80 ? static_cast<char>(c) : '?');
    }
    if (std::find(kPosixNames.begin(), kPosixNames.end(), name) == kPosixNames.end()) {
      return cursor_.Error("[:" + name + ":] is not known");
    }
    cursor_.position += 2 + end + 2;
    const CodePointSet set = PosixClass(name, cursor_.options);
    FOREGATE_RETURN_IF_ERROR(AddClass(negative ? set.Complement() : set));
    return true;
  }

  absl::Status ReadEscape() {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<CodePointSet> set, ReadClassEscape(&cursor_, true));
    if (set.has_value()) return AddClass(*set);
    FOREGATE_ASSIGN_OR_RETURN(const std::u32string characters, ReadCharacterEscape(&cursor_));
    for (const char32_t c : characters) FOREGATE_RETURN_IF_ERROR(AddCharacter(c));
    return absl::OkStatus();
  }

  absl::Status AddClass(const CodePointSet& set) {
    if (state_ == State::kRange) return cursor_.Error("a class cannot end a range");
    AddPending();
    members_.Add(set);
    state_ = State::kValue;
    return absl::OkStatus();
  }

  absl::Status AddCharacter(char32_t c) {
    if (state_ == State::kRange) {
      if (*pending_ > c) return cursor_.Error("a range whose end is below its beginning");
      members_.Add(*pending_, c);
      pending_.reset();
      state_ = State::kComplete;
      return absl::OkStatus();
    }
    AddPending();
    pending_ = c;
    state_ = State::kValue;
    return absl::OkStatus();
  }

  // Oniguruma forgets the beginning of a range that a class interrupts: [a-[b]] is [b].
  void AddPending() {
    if (pending_.has_value() && state_ == State::kValue) members_.Add(*pending_, *pending_);
    pending_.reset();
  }

  void FinishOperand() {
    AddPending();
    intersection_ = intersection_.has_value() ? intersection_->Intersection(members_) : std::move(members_);
    members_ = CodePointSet();
    state_ = State::kStart;
  }

  RegexCursor& cursor_;
  const int depth_;
  State state_ = State::kStart;
  CodePointSet members_;                      // of the operand that is being read
  std::optional<char32_t> pending_;           // a character that may begin a range
  std::optional<CodePointSet> intersection_;  // of the operands before
};

}  // namespace

absl::StatusOr<RegexClass> ReadRegexClass(RegexCursor* cursor) { return ClassReader(cursor, 0).Read(); }

}  // namespace foregate
