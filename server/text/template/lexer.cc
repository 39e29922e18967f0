#include "server/text/template/lexer.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/py_string.h"
#include "server/text/template/string_literal.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The length of the word, as \w+ of `re` sees it, that `text` begins with.
size_t WordLength(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (!IsWordCharacter(NextCodePoint(text, &i))) return begin;
  }
  return text.size();
}

// Lines end in \n, and the last line's end is dropped (keep_trailing_newline is off).
std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out.push_back(source[i] == '\r' ? '\n' : source[i]);
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (position_ < source_.size()) FOREGATE_RETURN_IF_ERROR(NextTag());
    Add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::string_view Rest() const { return std::string_view(source_).substr(position_); }

  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError("line " + std::to_string(line_) + ", column " + std::to_string(column_) + ": " +
                                      std::string(what));
  }

  void Add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_, column_}); }

  // Moves on, counting lines, and notes whether what was read ends a line.
  void Advance(size_t length) {
    const std::string_view passed = Rest().substr(0, length);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    const size_t line_end = passed.rfind('\n');
    if (line_end != std::string_view::npos) column_ = 1;
    column_ += static_cast<int>(NumCodePoints(passed.substr(line_end + 1)));  // npos + 1 is 0
    if (length > 0) line_starting_ = passed.back() == '\n';
    position_ += length;
  }

  void SkipSpace() { Advance(Rest().size() - StripLeft(Rest()).size()); }

  // Text up to the next tag, and the tag itself.
  absl::Status NextTag() {
    const std::string_view rest = Rest();
    size_t begin = 0;
    while (true) {
      begin = rest.find('{', begin);
      if (begin == std::string_view::npos || begin + 1 == rest.size()) {
        begin = rest.size();
        break;
      }
      if (rest[begin + 1] == '%' || rest[begin + 1] == '{' || rest[begin + 1] == '#') break;
      ++begin;
    }
    if (begin == rest.size()) {
      Add(Token::Kind::kText, std::string(rest));
      Advance(rest.size());
      return absl::OkStatus();
    }
    const char kind = rest[begin + 1];
    const char sign = begin + 2 < rest.size() ? rest[begin + 2] : '\0';
    AddTextBefore(rest.substr(0, begin), sign, /*is_variable=*/kind == '{');
    Advance(begin + 2 + (sign == '-' || sign == '+' ? 1 : 0));
    if (kind == '#') return SkipComment();
    if (kind == '{') {
      Add(Token::Kind::kVariableBegin, "{{");
      return ReadTag(/*is_variable=*/true);
    }
    if (IsRawTag()) return ReadRaw();
    Add(Token::Kind::kBlockBegin, "{%");
    return ReadTag(/*is_variable=*/false);
  }

  void AddTextBefore(std::string_view text, char sign, bool is_variable) {
    if (sign == '-') {
      text = StripRight(text);
    } else if (sign != '+' && !is_variable) {
      const size_t line_begin = text.rfind('\n') + 1;  // npos + 1 is 0
      if ((line_begin > 0 || line_starting_) && StripLeft(text.substr(line_begin)).empty()) {
        text = text.substr(0, line_begin);
      }
    }
    if (!text.empty()) Add(Token::Kind::kText, std::string(text));
  }

  // After the end of a block or a comment: '-' drops all space that follows, otherwise one line end goes.
  void AfterBlockEnd(char sign) {
    if (sign == '-') {
      SkipSpace();
    } else if (sign != '+' && Rest().starts_with('\n')) {
      Advance(1);
    }
  }

  // A tag that begins at the very end is forgiven, by jinja2's lexer, when it is a comment or raw.
  absl::Status SkipComment() {
    if (Rest().empty()) return absl::OkStatus();
    const size_t end = Rest().find("#}");
    if (end == std::string_view::npos) return Error("Missing end of comment tag");
    const char sign = end > 0 ? Rest()[end - 1] : '\0';
    Advance(end + 2);
    AfterBlockEnd(sign);
    return absl::OkStatus();
  }

  // Whether the tag that begins here is {% raw %}; only looks.
  bool IsRawTag() const {
    std::string_view rest = StripLeft(Rest());
    if (!rest.starts_with("raw")) return false;
    rest = StripLeft(rest.substr(3));
    return rest.starts_with("%}") || rest.starts_with("-%}");
  }

  absl::Status ReadRaw() {
    const size_t open_end = Rest().find("%}");
    const bool strips = Rest()[open_end - 1] == '-';
    Advance(open_end + 2);
    if (strips) SkipSpace();
    if (Rest().empty()) return absl::OkStatus();
    for (size_t begin = Rest().find("{%"); begin != std::string_view::npos; begin = Rest().find("{%", begin + 2)) {
      std::string_view tag = Rest().substr(begin + 2);
      const char sign = tag.empty() ? '\0' : tag[0];
      if (sign == '-' || sign == '+') tag.remove_prefix(1);
      tag = StripLeft(tag);
      if (!tag.starts_with("endraw")) continue;
      tag = StripLeft(tag.substr(6));
      const char end_sign = tag.starts_with('-') || tag.starts_with('+') ? tag[0] : '\0';
      if (end_sign != '\0') tag.remove_prefix(1);
      if (!tag.starts_with("%}")) continue;
      AddTextBefore(Rest().substr(0, begin), sign, /*is_variable=*/false);
      Advance(static_cast<size_t>(tag.data() + 2 - Rest().data()));
      AfterBlockEnd(end_sign);
      return absl::OkStatus();
    }
    return Error("Missing end of raw directive");
  }

  absl::Status ReadTag(bool is_variable) {
    const std::string_view end = is_variable ? "}}" : "%}";
    brackets_.clear();
    while (true) {
      SkipSpace();
      const std::string_view rest = Rest();
      if (rest.empty()) return Error("unexpected end of template inside a tag");
      const bool signed_end = (rest[0] == '-' || (rest[0] == '+' && !is_variable)) && rest.substr(1).starts_with(end);
      if (brackets_.empty() && (signed_end || rest.starts_with(end))) {
        const char sign = signed_end ? rest[0] : '\0';
        Add(is_variable ? Token::Kind::kVariableEnd : Token::Kind::kBlockEnd, std::string(end));
        Advance(end.size() + (signed_end ? 1 : 0));
        if (!is_variable || sign == '-') AfterBlockEnd(sign);
        return absl::OkStatus();
      }
      FOREGATE_RETURN_IF_ERROR(ReadToken());
    }
  }

  absl::Status ReadToken() {
    const std::string_view rest = Rest();
    if (rest[0] == '\'' || rest[0] == '"') return ReadString();
    if (IsDigit(rest[0])) return ReadNumber();
    if (const size_t length = WordLength(rest); length > 0) {
      if (!IsIdentifier(rest.substr(0, length))) return Error("Invalid character in identifier");
      return AddAndAdvance(Token::Kind::kName, length);
    }
    static constexpr std::string_view kOperators[] = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "/",
                                                      "*",  "%",  "~",  "(",  ")",  "[",  "]", "{", "}",
                                                      ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (const std::string_view symbol : kOperators) {
      if (!rest.starts_with(symbol)) continue;
      FOREGATE_RETURN_IF_ERROR(Balance(symbol[0]));
      return AddAndAdvance(Token::Kind::kOperator, symbol.size());
    }
    return Error("unexpected character " + ReprString(rest.substr(0, Utf8Length(rest[0]))));
  }

  absl::Status AddAndAdvance(Token::Kind kind, size_t length) {
    Add(kind, std::string(Rest().substr(0, length)));
    Advance(length);
    return absl::OkStatus();
  }

  absl::Status Balance(char symbol) {
    if (symbol == '(') brackets_.push_back(')');
    if (symbol == '[') brackets_.push_back(']');
    if (symbol == '{') brackets_.push_back('}');
    if (symbol != ')' && symbol != ']' && symbol != '}') return absl::OkStatus();
    if (brackets_.empty()) return Error(std::string("unexpected '") + symbol + "'");
    if (brackets_.back() != symbol) {
      return Error(std::string("unexpected '") + symbol + "', expected '" + brackets_.back() + "'");
    }
    brackets_.pop_back();
    return absl::OkStatus();
  }

  absl::Status ReadString() {
    const std::string_view rest = Rest();
    size_t end = 1;
    while (end < rest.size() && rest[end] != rest[0]) end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) return Error("unterminated string");
    auto text = UnescapeString(rest.substr(1, end - 1));
    if (!text.ok()) return Error(std::string(text.status().message()));
    Add(Token::Kind::kString, *std::move(text));
    Advance(end + 1);
    return absl::OkStatus();
  }

  // The end of digits that single underscores may separate, from `begin`, where a digit must be.
  template <typename IsBaseDigit>
  static size_t DigitsEnd(std::string_view text, size_t begin, const IsBaseDigit& is_digit) {
    size_t end = begin;
    while (end < text.size() && is_digit(text[end])) {
      ++end;
      if (end + 1 < text.size() && text[end] == '_' && is_digit(text[end + 1])) ++end;
    }
    return end;
  }

  absl::Status ReadNumber() {
    const std::string_view rest = Rest();
    const bool after_dot = position_ > 0 && source_[position_ - 1] == '.';
    size_t end = DigitsEnd(rest, 0, IsDigit);
    bool is_float = false;
    if (!after_dot) {
      const size_t whole_end = end;
      if (end + 1 < rest.size() && rest[end] == '.' && IsDigit(rest[end + 1])) end = DigitsEnd(rest, end + 1, IsDigit);
      is_float = end > whole_end;
      if (end < rest.size() && (rest[end] == 'e' || rest[end] == 'E')) {
        const size_t sign = end + 1 < rest.size() && (rest[end + 1] == '+' || rest[end + 1] == '-') ? 1 : 0;
        const size_t exponent_end = DigitsEnd(rest, end + 1 + sign, IsDigit);
        if (exponent_end > end + 1 + sign) {
          end = exponent_end;
          is_float = true;
        }
      }
    }
    if (is_float) return AddAndAdvance(Token::Kind::kFloat, end);
    return AddAndAdvance(Token::Kind::kInteger, IntegerEnd(rest));
  }

  // Of 0x1f, 0b1, 0o7, 120, or 00; after a leading zero nothing else belongs to the number.
  static size_t IntegerEnd(std::string_view text) {
    if (text[0] != '0') return DigitsEnd(text, 0, IsDigit);
    const char prefix = text.size() > 2 ? static_cast<char>(text[1] | 0x20) : ' ';
    const size_t begin = text.size() > 3 && text[2] == '_' ? 3 : 2;
    size_t end = 0;
    if (prefix == 'x') end = DigitsEnd(text, begin, [](char c) { return std::isxdigit(static_cast<uint8_t>(c)) != 0; });
    if (prefix == 'o') end = DigitsEnd(text, begin, [](char c) { return c >= '0' && c <= '7'; });
    if (prefix == 'b') end = DigitsEnd(text, begin, [](char c) { return c == '0' || c == '1'; });
    return end > begin ? end : DigitsEnd(text, 0, [](char c) { return c == '0'; });
  }

  std::string source_;
  size_t position_ = 0;
  int line_ = 1;
  int column_ = 1;
  bool line_starting_ = true;
  std::vector<char> brackets_;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(std::string_view source) {
  if (const auto bad = FirstInvalidUtf8(source); bad.has_value()) {
    return absl::InvalidArgumentError("line 1, column 1: not UTF-8 at byte " + std::to_string(*bad));
  }
  return Lexer(NormalizeNewlines(source)).Run();
}

}  // namespace foregate::jinja
