#include "server/text/template/compare.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/status_macros.h"

namespace foregate::jinja {
namespace {

template <typename T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// A finite float against an integer that a float may not hold.
int CompareExactly(const Value& integer, double number) {
  const double whole = std::floor(number);
  const int by_whole = BigInt::Compare(integer.big_value(), BigInt::FromDouble(whole));
  return by_whole == 0 && number > whole ? -1 : by_whole;
}

bool AreViews(const List& a, const List& b) {
  const auto is_set = [](const List& list) {
    return list.kind == List::Kind::kDictKeys || list.kind == List::Kind::kDictItems;
  };
  return is_set(a) && is_set(b);
}

bool EqualLists(const List& a, const List& b) {
  if (a.items.size() != b.items.size()) return false;
  if (AreViews(a, b)) {
    return std::all_of(a.items.begin(), a.items.end(), [&](const Value& item) {
      return std::any_of(b.items.begin(), b.items.end(), [&](const Value& other) { return Equal(item, other); });
    });
  }
  if (a.kind != b.kind || a.kind == List::Kind::kDictValues) return false;
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), &Equal);
}

bool EqualDicts(const Dict& a, const Dict& b) {
  if (a.entries().size() != b.entries().size()) return false;
  return std::all_of(a.entries().begin(), a.entries().end(), [&](const Dict::Entry& entry) {
    const Value* other = b.Find(entry.key);
    return other != nullptr && Equal(entry.value, *other);
  });
}

absl::Status Unordered(const Value& a, const Value& b) {
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  return TypeError("'<' not supported between instances of '" + std::string(TypeName(a)) + "' and '" + TypeName(b) +
                   "'");
}

}  // namespace

std::optional<int> CompareNumbers(const Value& a, const Value& b) {
  if (a.is_float() && b.is_float()) {
    const double left = a.float_value(), right = b.float_value();
    if (std::isnan(left) || std::isnan(right)) return std::nullopt;
    return Sign(left, right);
  }
  if (!a.is_float() && !b.is_float()) {
    if (a.is_big() || b.is_big()) return BigInt::Compare(a.big_value(), b.big_value());
    return Sign(a.int_value(), b.int_value());
  }
  const double number = a.is_float() ? a.float_value() : b.float_value();
  if (std::isnan(number)) return std::nullopt;
  if (std::isinf(number)) return (number > 0) == a.is_float() ? 1 : -1;
  return a.is_float() ? -CompareExactly(b, number) : CompareExactly(a, number);
}

bool Equal(const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) return a.string() == b.string();
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == 0;
  if (a.is_list() && b.is_list()) {
    if (a.address() == b.address()) return true;
    return EqualLists(a.list(), b.list());
  }
  if (a.is_dict() && b.is_dict()) return a.address() == b.address() || EqualDicts(a.dict(), b.dict());
  if (a.is_object() && b.is_object()) return a.address() == b.address();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

absl::StatusOr<bool> Less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == -1;
  // UTF-8 sorts bytewise as its code points do.
  if (a.is_string() && b.is_string()) return a.string() < b.string();
  if (a.is_list_or_tuple() && b.is_list_or_tuple() && a.is_tuple() == b.is_tuple()) {
    const auto &left = a.list().items, &right = b.list().items;
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (!Equal(left[i], right[i])) return Less(left[i], right[i]);
    }
    return left.size() < right.size();
  }
  return Unordered(a, b);
}

}  // namespace foregate::jinja
