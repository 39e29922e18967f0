#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/access.h"
#include "server/text/template/arguments.h"
#include "server/text/template/methods.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

// Methods of str that look for something in a string.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// The part of the text between `start` and `end`, where searches happen, and its first character's index.
struct Window {
  std::string_view text;
  int64_t first = 0;
};

// Nothing for a start behind the end, where not even an empty text is found.
absl::StatusOr<std::optional<Window>> MakeWindow(const Value& self, const Bound& bound) {
  const std::string_view text = self.string();
  if (bound.absent(1) && bound.absent(2)) return std::optional(Window{text, 0});
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(self));
  FOREGATE_ASSIGN_OR_RETURN(const auto bounds, SliceBounds(length, bound.Get(1, Value()), bound.Get(2, Value())));
  const auto [first, last] = bounds;
  if (first > last) return std::optional<Window>();
  const size_t begin = ByteOffset(text, static_cast<size_t>(first));
  const size_t size = ByteOffset(text.substr(begin), static_cast<size_t>(last - first));
  return std::optional(Window{text.substr(begin, size), first});
}

template <bool kEnd>
Result StartsOrEnds(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::BindPositional("startswith", arguments, {"prefix", "start", "end"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const auto window, MakeWindow(self, bound));
  const auto matches = [&](const Value& affix) {
    if (!window.has_value()) return false;
    return kEnd ? window->text.ends_with(affix.string()) : window->text.starts_with(affix.string());
  };
  if (bound.at(0).is_string()) return Value::Bool(matches(bound.at(0)));
  if (bound.at(0).is_undefined()) return UndefinedError(bound.at(0));
  if (!bound.at(0).is_tuple()) {
    return TypeError("startswith first arg must be str or a tuple of str, not " + std::string(TypeName(bound.at(0))));
  }
  for (const Value& affix : bound.at(0).list().items) {
    if (!affix.is_string()) return TypeError("tuple for startswith must only contain str");
    if (matches(affix)) return Value::Bool(true);
  }
  return Value::Bool(false);
}

template <bool kFromRight, bool kMustExist>
Result Find(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("find", arguments, {"sub", "start", "end"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string part, bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const auto window, MakeWindow(self, bound));
  const size_t at = !window.has_value() ? std::string_view::npos
                    : kFromRight        ? window->text.rfind(part)
                                        : window->text.find(part);
  if (at != std::string_view::npos) {
    return Value::Int(window->first + static_cast<int64_t>(NumCodePoints(window->text.substr(0, at))));
  }
  if (kMustExist) return absl::InvalidArgumentError("substring not found");
  return Value::Int(-1);
}

Result CountPart(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("count", arguments, {"sub", "start", "end"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string part, bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const auto window, MakeWindow(self, bound));
  if (!window.has_value()) return Value::Int(0);
  const std::string_view text = window->text;
  if (part.empty()) return Value::Int(static_cast<int64_t>(NumCodePoints(text)) + 1);
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return Value::Int(count);
}

template <CharacterClass kClass>
bool IsAllOf(std::string_view text) {
  return AllOf(text, kClass);
}

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

bool IsAllPrintable(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (!IsPrintable(NextCodePoint(text, &i))) return false;
  }
  return true;
}

template <bool (*kHolds)(std::string_view)>
Result Asks(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("str method", arguments, {}).status());
  return Value::Bool(kHolds(self.string()));
}

}  // namespace

const MethodTable& StringQueryMethods() {
  static const auto* const table = new MethodTable{
      {"startswith", &StartsOrEnds<false>},
      {"endswith", &StartsOrEnds<true>},
      {"find", &Find<false, false>},
      {"rfind", &Find<true, false>},
      {"index", &Find<false, true>},
      {"rindex", &Find<true, true>},
      {"count", &CountPart},
      {"isdigit", &Asks<&IsAllOf<CharacterClass::kDigit>>},
      {"isdecimal", &Asks<&IsAllOf<CharacterClass::kDecimal>>},
      {"isnumeric", &Asks<&IsAllOf<CharacterClass::kNumeric>>},
      {"isalpha", &Asks<&IsAllOf<CharacterClass::kAlpha>>},
      {"isalnum", &Asks<&IsAllOf<CharacterClass::kAlnum>>},
      {"isspace", &Asks<&IsAllOf<CharacterClass::kSpace>>},
      {"isupper", &Asks<&IsUpperCased>},
      {"islower", &Asks<&IsLowerCased>},
      {"istitle", &Asks<&IsTitleCased>},
      {"isascii", &Asks<&IsAscii>},
      {"isprintable", &Asks<&IsAllPrintable>},
      {"isidentifier", &Asks<&IsIdentifier>},
  };
  return *table;
}

}  // namespace foregate::jinja
