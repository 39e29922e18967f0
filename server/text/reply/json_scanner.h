// JSON byte by byte: where a value ends, and at which byte it stops being JSON. No tree is built.
#ifndef FOREGATE_SERVER_TEXT_REPLY_JSON_SCANNER_H_
#define FOREGATE_SERVER_TEXT_REPLY_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foregate {

enum class ScanState : uint8_t { kMore, kDone, kError };

// A strict pushdown automaton (RFC 8259) for one object or array; nesting beyond kMaxDepth is an error. Bytes of 0x80
// and above are not looked at inside strings. Not thread-safe.
class JsonScanner {
 public:
  static constexpr size_t kMaxDepth = 128;

  // kDone with the byte that closes the value; kError with the first byte that cannot belong to it. No Feed()
  // afterwards.
  ScanState Feed(char byte);

  size_t depth() const { return open_.size(); }
  bool in_string() const { return mode_ == Mode::kString || mode_ == Mode::kEscape || mode_ == Mode::kHex; }

 private:
  enum class Mode : uint8_t {
    kValue,
    kValueOrEnd,
    kKey,
    kKeyOrEnd,
    kColon,
    kAfterValue,
    kString,
    kEscape,
    kHex,
    kLiteral,
    kMinus,
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
  };
  ScanState FeedValue(char byte);
  ScanState FeedString(char byte);
  ScanState FeedNumber(char byte);
  ScanState FeedAfterValue(char byte);
  ScanState Open(char bracket);
  ScanState Close(char bracket);
  ScanState Go(Mode mode);

  Mode mode_ = Mode::kValue;
  bool string_is_key_ = false;
  uint8_t num_hex_digits_ = 0;
  std::string_view literal_rest_;
  std::string open_;  // the brackets that are open, '{' or '['
};

enum class JsonKind : uint8_t { kObject, kArray, kString, kInteger, kNumber, kBoolean, kNull };

// What `text` is, with white space around it, or nothing when it is not exactly one JSON value.
std::optional<JsonKind> KindOfJson(std::string_view text);

struct JsonMember {
  std::string key;         // decoded
  std::string_view value;  // the value's own text
};

// The members of an object, or the elements of an array, in order; nothing when `text` is not one or a key cannot be
// decoded (a lone surrogate).
std::optional<std::vector<JsonMember>> JsonMembers(std::string_view text);
std::optional<std::vector<std::string_view>> JsonElements(std::string_view text);

// The characters of a JSON string literal.
std::optional<std::string> DecodeJsonString(std::string_view literal);

// Appends `text` as a JSON string literal; only quotes, backslashes and control characters are escaped.
void AppendJsonString(std::string_view text, std::string* out);

std::string_view TrimAsciiSpace(std::string_view text);
inline bool IsAsciiSpace(char byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_JSON_SCANNER_H_
