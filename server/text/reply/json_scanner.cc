#include "server/text/reply/json_scanner.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace foregate {
namespace {

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

bool IsHexDigit(char byte) { return IsDigit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'); }

// The offset behind the value that begins at text[position]; `text` is known to be JSON.
size_t EndOfValue(std::string_view text, size_t position) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = position; i < text.size(); ++i) {
    const char byte = text[i];
    if (in_string) {
      if (byte == '\\') ++i;
      if (byte == '"') in_string = false;
      if (byte == '"' && depth == 0) return i + 1;
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      ++depth;
    } else if (byte == '}' || byte == ']') {
      if (depth <= 1) return depth == 0 ? i : i + 1;
      --depth;
    } else if (depth == 0 && (byte == ',' || byte == ':' || IsAsciiSpace(byte))) {
      return i;
    }
  }
  return text.size();
}

size_t SkipSpace(std::string_view text, size_t position) {
  while (position < text.size() && IsAsciiSpace(text[position])) ++position;
  return position;
}

}  // namespace

ScanState JsonScanner::Go(Mode mode) {
  mode_ = mode;
  return ScanState::kMore;
}

ScanState JsonScanner::Open(char bracket) {
  if (open_.size() == kMaxDepth) return ScanState::kError;
  open_.push_back(bracket);
  return Go(bracket == '{' ? Mode::kKeyOrEnd : Mode::kValueOrEnd);
}

ScanState JsonScanner::Close(char bracket) {
  if (open_.empty() || open_.back() != (bracket == '}' ? '{' : '[')) return ScanState::kError;
  open_.pop_back();
  if (open_.empty()) return ScanState::kDone;
  return Go(Mode::kAfterValue);
}

ScanState JsonScanner::FeedValue(char byte) {
  if (byte == '{' || byte == '[') return Open(byte);
  if (open_.empty()) return ScanState::kError;  // a scalar alone has no end of its own
  if (byte == '"') {
    string_is_key_ = false;
    return Go(Mode::kString);
  }
  if (byte == '-') return Go(Mode::kMinus);
  if (byte == '0') return Go(Mode::kZero);
  if (IsDigit(byte)) return Go(Mode::kInteger);
  for (const std::string_view literal : {"true", "false", "null"}) {
    if (byte != literal[0]) continue;
    literal_rest_ = literal.substr(1);
    return Go(Mode::kLiteral);
  }
  return ScanState::kError;
}

ScanState JsonScanner::FeedString(char byte) {
  switch (mode_) {
    case Mode::kEscape:
      num_hex_digits_ = 0;
      if (byte == 'u') return Go(Mode::kHex);
      return std::string_view("\"\\/bfnrt").find(byte) == std::string_view::npos ? ScanState::kError
                                                                                 : Go(Mode::kString);
    case Mode::kHex:
      if (!IsHexDigit(byte)) return ScanState::kError;
      return ++num_hex_digits_ == 4 ? Go(Mode::kString) : ScanState::kMore;
    default:
      if (byte == '"') return Go(string_is_key_ ? Mode::kColon : Mode::kAfterValue);
      if (byte == '\\') return Go(Mode::kEscape);
      return static_cast<uint8_t>(byte) < 0x20 ? ScanState::kError : ScanState::kMore;
  }
}

ScanState JsonScanner::FeedNumber(char byte) {
  const bool digit = IsDigit(byte);
  const bool exponent = byte == 'e' || byte == 'E';
  switch (mode_) {
    case Mode::kMinus:
      return !digit ? ScanState::kError : Go(byte == '0' ? Mode::kZero : Mode::kInteger);
    case Mode::kPoint:
      return digit ? Go(Mode::kFraction) : ScanState::kError;
    case Mode::kExponent:
      if (byte == '+' || byte == '-') return Go(Mode::kExponentSign);
      return digit ? Go(Mode::kExponentDigits) : ScanState::kError;
    case Mode::kExponentSign:
      return digit ? Go(Mode::kExponentDigits) : ScanState::kError;
    case Mode::kZero:
    case Mode::kInteger:
      if (digit && mode_ == Mode::kInteger) return ScanState::kMore;
      if (byte == '.') return Go(Mode::kPoint);
      return exponent ? Go(Mode::kExponent) : FeedAfterValue(byte);
    case Mode::kFraction:
      if (digit) return ScanState::kMore;
      return exponent ? Go(Mode::kExponent) : FeedAfterValue(byte);
    default:
      return digit ? ScanState::kMore : FeedAfterValue(byte);
  }
}

ScanState JsonScanner::FeedAfterValue(char byte) {
  mode_ = Mode::kAfterValue;
  if (IsAsciiSpace(byte)) return ScanState::kMore;
  if (byte == ',') return Go(open_.back() == '{' ? Mode::kKey : Mode::kValue);
  return byte == '}' || byte == ']' ? Close(byte) : ScanState::kError;
}

ScanState JsonScanner::Feed(char byte) {
  const bool space = IsAsciiSpace(byte);
  switch (mode_) {
    case Mode::kString:
    case Mode::kEscape:
    case Mode::kHex:
      return FeedString(byte);
    case Mode::kLiteral:
      if (byte != literal_rest_[0]) return ScanState::kError;
      literal_rest_.remove_prefix(1);
      return literal_rest_.empty() ? Go(Mode::kAfterValue) : ScanState::kMore;
    case Mode::kValue:
    case Mode::kValueOrEnd:
      if (space && !open_.empty()) return ScanState::kMore;
      return byte == ']' && mode_ == Mode::kValueOrEnd ? Close(byte) : FeedValue(byte);
    case Mode::kKey:
    case Mode::kKeyOrEnd:
      if (space) return ScanState::kMore;
      if (byte == '}' && mode_ == Mode::kKeyOrEnd) return Close(byte);
      string_is_key_ = true;
      return byte == '"' ? Go(Mode::kString) : ScanState::kError;
    case Mode::kColon:
      if (space) return ScanState::kMore;
      return byte == ':' ? Go(Mode::kValue) : ScanState::kError;
    case Mode::kAfterValue:
      return FeedAfterValue(byte);
    default:
      return FeedNumber(byte);
  }
}

std::optional<JsonKind> KindOfJson(std::string_view text) {
  text = TrimAsciiSpace(text);
  if (text.empty()) return std::nullopt;
  // In an array of its own a scalar has an end; a comma in that array would be a second value.
  JsonScanner scanner;
  scanner.Feed('[');
  for (const char byte : text) {
    if (byte == ',' && scanner.depth() == 1 && !scanner.in_string()) return std::nullopt;
    if (scanner.Feed(byte) != ScanState::kMore) return std::nullopt;
  }
  if (scanner.Feed(']') != ScanState::kDone) return std::nullopt;
  switch (text[0]) {
    case '{':
      return JsonKind::kObject;
    case '[':
      return JsonKind::kArray;
    case '"':
      return JsonKind::kString;
    case 't':
    case 'f':
      return JsonKind::kBoolean;
    case 'n':
      return JsonKind::kNull;
    default:
      return text.find_first_of(".eE") == std::string_view::npos ? JsonKind::kInteger : JsonKind::kNumber;
  }
}

std::optional<std::vector<JsonMember>> JsonMembers(std::string_view text) {
  if (KindOfJson(text) != JsonKind::kObject) return std::nullopt;
  text = TrimAsciiSpace(text);
  std::vector<JsonMember> members;
  for (size_t i = SkipSpace(text, 1); text[i] != '}';) {
    const size_t key_end = EndOfValue(text, i);
    std::optional<std::string> key = DecodeJsonString(text.substr(i, key_end - i));
    if (!key.has_value()) return std::nullopt;
    const size_t value_begin = SkipSpace(text, SkipSpace(text, key_end) + 1);
    const size_t value_end = EndOfValue(text, value_begin);
    members.push_back({*std::move(key), text.substr(value_begin, value_end - value_begin)});
    i = SkipSpace(text, value_end);
    if (text[i] == ',') i = SkipSpace(text, i + 1);
  }
  return members;
}

std::optional<std::vector<std::string_view>> JsonElements(std::string_view text) {
  if (KindOfJson(text) != JsonKind::kArray) return std::nullopt;
  text = TrimAsciiSpace(text);
  std::vector<std::string_view> elements;
  for (size_t i = SkipSpace(text, 1); text[i] != ']';) {
    const size_t end = EndOfValue(text, i);
    elements.push_back(text.substr(i, end - i));
    i = SkipSpace(text, end);
    if (text[i] == ',') i = SkipSpace(text, i + 1);
  }
  return elements;
}

std::optional<std::string> DecodeJsonString(std::string_view literal) {
  const auto parsed = nlohmann::json::parse(literal.begin(), literal.end(), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_string()) return std::nullopt;
  return parsed.get<std::string>();
}

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";  // pairs: the character and its letter
  out->push_back('"');
  for (const char byte : text) {
    size_t pair = 0;
    while (pair < kShort.size() && kShort[pair] != byte) pair += 2;
    if (pair < kShort.size()) {
      out->push_back('\\');
      out->push_back(kShort[pair + 1]);
    } else if (static_cast<uint8_t>(byte) < 0x20) {
      *out += "\\u00";
      out->push_back(kHex[byte >> 4]);
      out->push_back(kHex[byte & 15]);
    } else {
      out->push_back(byte);
    }
  }
  out->push_back('"');
}

std::string_view TrimAsciiSpace(std::string_view text) {
  while (!text.empty() && IsAsciiSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsAsciiSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace foregate
