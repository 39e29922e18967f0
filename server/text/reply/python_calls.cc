#include "server/text/reply/python_calls.h"

#include <utility>

#include "server/text/utf8.h"

namespace foregate {
namespace {

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

bool IsNameBegin(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
         static_cast<uint8_t>(byte) >= 0x80;
}

// Tools are named more freely than Python allows: "files.read-all".
bool IsNamePart(char byte) { return IsNameBegin(byte) || IsDigit(byte) || byte == '.' || byte == '-'; }

int HexValue(char byte) {
  if (IsDigit(byte)) return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  void SkipSpace() {
    while (position_ < text_.size() && IsAsciiSpace(text_[position_])) ++position_;
  }
  bool AtEnd() {
    SkipSpace();
    return position_ == text_.size();
  }
  bool Take(char byte) {
    SkipSpace();
    if (position_ == text_.size() || text_[position_] != byte) return false;
    ++position_;
    return true;
  }
  std::string_view Name() {
    SkipSpace();
    const size_t begin = position_;
    if (position_ == text_.size() || !IsNameBegin(text_[position_])) return {};
    while (position_ < text_.size() && IsNamePart(text_[position_])) ++position_;
    return text_.substr(begin, position_ - begin);
  }
  bool Value(size_t depth, std::string* out);
  std::optional<ReplyToolCall> Call();

 private:
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool Sequence(char close, size_t depth, std::string* out);
  bool Dict(size_t depth, std::string* out);
  bool Word(std::string* out);
  bool Number(std::string* out);
  bool String(std::string* value);
  bool Escape(std::string* value);
  bool CodePoint(size_t num_digits, std::string* value);
  size_t Digits(std::string* out);

  std::string_view text_;
  size_t position_ = 0;
};

bool LiteralReader::Value(size_t depth, std::string* out) {
  SkipSpace();
  if (depth > kMaxPythonDepth) return false;
  const char byte = Peek();
  if (byte == '[' || byte == '(') {
    ++position_;
    return Sequence(byte == '[' ? ']' : ')', depth, out);
  }
  if (byte == '{') {
    ++position_;
    return Dict(depth, out);
  }
  if (byte == '"' || byte == '\'') {
    std::string value;
    // Neighbouring strings are one.
    while (Peek() == '"' || Peek() == '\'') {
      if (!String(&value)) return false;
      SkipSpace();
    }
    AppendJsonString(value, out);
    return true;
  }
  return IsNameBegin(byte) ? Word(out) : Number(out);
}

bool LiteralReader::Sequence(char close, size_t depth, std::string* out) {
  const size_t begin = out->size();
  size_t num_elements = 0;
  bool ends_with_comma = false;
  *out += '[';
  while (!Take(close)) {
    if (num_elements > 0 && !Take(',')) return false;
    ends_with_comma = num_elements > 0 && Take(close);
    if (ends_with_comma) break;
    if (num_elements > 0) *out += ", ";
    if (!Value(depth + 1, out)) return false;
    ++num_elements;
  }
  if (close == ')' && num_elements == 1 && !ends_with_comma) {
    out->erase(begin, 1);  // parentheses around one value are no tuple
  } else {
    *out += ']';
  }
  return true;
}

bool LiteralReader::Dict(size_t depth, std::string* out) {
  *out += '{';
  for (bool first = true; !Take('}'); first = false) {
    if (!first && !Take(',')) return false;
    if (!first && Take('}')) break;
    if (!first) *out += ", ";
    SkipSpace();
    if (Peek() != '"' && Peek() != '\'') return false;
    if (!Value(depth + 1, out) || !Take(':')) return false;
    *out += ": ";
    if (!Value(depth + 1, out)) return false;
  }
  *out += '}';
  return true;
}

bool LiteralReader::Word(std::string* out) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"True", "true"}, {"False", "false"}, {"None", "null"}, {"true", "true"}, {"false", "false"}, {"null", "null"}};
  const std::string_view name = Name();
  for (const auto& [word, json] : kWords) {
    if (name != word) continue;
    *out += json;
    return true;
  }
  return false;
}

size_t LiteralReader::Digits(std::string* out) {
  const size_t begin = out->size();
  while (IsDigit(Peek()) || (Peek() == '_' && out->size() > begin && IsDigit(out->back()))) {
    if (Peek() != '_') *out += Peek();
    ++position_;
  }
  return out->size() - begin;
}

bool LiteralReader::Number(std::string* out) {
  if (Peek() == '+' || Peek() == '-') {
    if (Peek() == '-') *out += '-';
    ++position_;
  }
  const size_t begin = out->size();
  const size_t num_digits = Digits(out);
  const bool leading_zero = num_digits > 1 && (*out)[begin] == '0';
  if (num_digits == 0) *out += '0';
  size_t num_fraction_digits = 0;
  if (Peek() == '.') {
    ++position_;
    *out += '.';
    num_fraction_digits = Digits(out);
    if (num_fraction_digits == 0) *out += '0';
  }
  if (num_digits + num_fraction_digits == 0 || leading_zero) return false;
  if (Peek() == 'e' || Peek() == 'E') {
    ++position_;
    *out += 'e';
    if (Peek() == '+' || Peek() == '-') {
      *out += Peek();
      ++position_;
    }
    if (Digits(out) == 0) return false;
  }
  return !IsNamePart(Peek());
}

bool LiteralReader::CodePoint(size_t num_digits, std::string* value) {
  uint32_t code_point = 0;
  for (size_t i = 0; i < num_digits; ++i, ++position_) {
    const int digit = HexValue(Peek());
    if (digit < 0) return false;
    code_point = code_point * 16 + static_cast<uint32_t>(digit);
  }
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) return false;
  AppendUtf8(code_point, value);
  return true;
}

bool LiteralReader::Escape(std::string* value) {
  constexpr std::string_view kSimple = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";  // pairs: the letter and its character
  const char letter = Peek();
  if (position_ == text_.size()) return false;
  ++position_;
  if (letter == '\n') return true;  // a line that goes on
  if (letter == 'x') return CodePoint(2, value);
  if (letter == 'u') return CodePoint(4, value);
  if (letter == 'U') return CodePoint(8, value);
  for (size_t pair = 0; pair < kSimple.size(); pair += 2) {
    if (kSimple[pair] != letter) continue;
    *value += kSimple[pair + 1];
    return true;
  }
  if (letter >= '0' && letter <= '7') {
    uint32_t octal = static_cast<uint32_t>(letter - '0');
    for (int i = 0; i < 2 && Peek() >= '0' && Peek() <= '7'; ++i, ++position_) {
      octal = octal * 8 + static_cast<uint32_t>(Peek() - '0');
    }
    AppendUtf8(octal, value);
    return true;
  }
  *value += '\\';  // Python keeps the backslash of an escape that it does not know
  *value += letter;
  return true;
}

bool LiteralReader::String(std::string* value) {
  const char quote = Peek();
  const std::string long_quote(3, quote);
  const bool is_long = text_.substr(position_).starts_with(long_quote);
  const std::string_view close = std::string_view(long_quote).substr(0, is_long ? 3 : 1);
  position_ += close.size();
  while (position_ < text_.size()) {
    if (text_.substr(position_).starts_with(close)) {
      position_ += close.size();
      return true;
    }
    const char byte = text_[position_++];
    if (byte == '\\') {
      if (!Escape(value)) return false;
    } else if (byte == '\n' && !is_long) {
      return false;
    } else {
      *value += byte;
    }
  }
  return false;
}

std::optional<ReplyToolCall> LiteralReader::Call() {
  ReplyToolCall call;
  call.name = Name();
  if (call.name.empty() || !Take('(')) return std::nullopt;
  call.arguments = "{";
  for (bool first = true; !Take(')'); first = false) {
    if (!first && !Take(',')) return std::nullopt;
    if (!first && Take(')')) break;
    if (!first) call.arguments += ", ";
    const std::string_view key = Name();
    if (key.empty() || !Take('=')) return std::nullopt;
    AppendJsonString(key, &call.arguments);
    call.arguments += ": ";
    if (!Value(1, &call.arguments)) return std::nullopt;
  }
  call.arguments += '}';
  return call;
}

}  // namespace

ScanState PythonListScanner::Go(Mode mode) {
  mode_ = mode;
  return ScanState::kMore;
}

ScanState PythonListScanner::FeedArguments(char byte) {
  switch (byte) {
    case '"':
    case '\'':
      quote_ = byte;
      return Go(Mode::kQuote);
    case '(':
    case '[':
    case '{':
      if (open_.size() == kMaxPythonDepth) return ScanState::kError;
      open_.push_back(byte == '(' ? ')' : byte == '[' ? ']' : '}');
      return Go(Mode::kArguments);
    case ')':
    case ']':
    case '}':
      if (open_.back() != byte) return ScanState::kError;
      open_.pop_back();
      return Go(open_.empty() ? Mode::kAfterCall : Mode::kArguments);
    default:
      return Go(Mode::kArguments);
  }
}

ScanState PythonListScanner::FeedString(char byte) {
  if (escaped_) {
    escaped_ = false;
    return ScanState::kMore;
  }
  if (byte == '\\') {
    num_closing_quotes_ = 0;
    escaped_ = true;
    return ScanState::kMore;
  }
  if (mode_ == Mode::kString) {
    if (byte == quote_) return Go(Mode::kArguments);
    return byte == '\n' ? ScanState::kError : ScanState::kMore;
  }
  num_closing_quotes_ = byte == quote_ ? num_closing_quotes_ + 1 : 0;
  return num_closing_quotes_ == 3 ? Go(Mode::kArguments) : ScanState::kMore;
}

ScanState PythonListScanner::Feed(char byte) {
  switch (mode_) {
    case Mode::kBegin:
      return byte == '[' ? Go(Mode::kBeforeName) : ScanState::kError;
    case Mode::kBeforeName:
      if (IsAsciiSpace(byte)) return ScanState::kMore;
      return IsNameBegin(byte) ? Go(Mode::kName) : ScanState::kError;
    case Mode::kName:
      if (byte == '(') return FeedArguments(byte);
      return IsNamePart(byte) ? ScanState::kMore : ScanState::kError;
    case Mode::kArguments:
      return FeedArguments(byte);
    case Mode::kAfterCall:
      if (IsAsciiSpace(byte)) return ScanState::kMore;
      if (byte == ',') return Go(Mode::kBeforeName);
      return byte == ']' ? ScanState::kDone : ScanState::kError;
    case Mode::kQuote:
      if (byte == quote_) return Go(Mode::kTwoQuotes);
      mode_ = Mode::kString;
      return FeedString(byte);
    case Mode::kTwoQuotes:
      num_closing_quotes_ = 0;
      return byte == quote_ ? Go(Mode::kLongString) : FeedArguments(byte);
    default:
      return FeedString(byte);
  }
}

std::optional<std::vector<ReplyToolCall>> ParsePythonCalls(std::string_view text) {
  text = TrimAsciiSpace(text);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  LiteralReader reader(text);
  std::vector<ReplyToolCall> calls;
  while (!reader.AtEnd()) {
    std::optional<ReplyToolCall> call = reader.Call();
    if (!call.has_value()) return std::nullopt;
    calls.push_back(*std::move(call));
    reader.Take(',');
  }
  if (calls.empty()) return std::nullopt;
  return calls;
}

std::optional<std::string> PythonLiteralToJson(std::string_view text) {
  LiteralReader reader(text);
  std::string json;
  if (!reader.Value(1, &json) || !reader.AtEnd()) return std::nullopt;
  return json;
}

}  // namespace foregate
