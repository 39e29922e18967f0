#include "server/rpc/call_metadata.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>

namespace foregate {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
// "00-" 32 digits "-" 16 digits "-" 2 digits.
constexpr size_t kTraceparentBytes = 55;

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsRequestIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == ':' || c == '-';
}

}  // namespace

bool IsRequestId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdBytes && std::all_of(id.begin(), id.end(), IsRequestIdCharacter);
}

std::string NewRequestId() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::random_device device;
  std::string id;
  id.reserve(32);
  for (int word = 0; word < 4; ++word) {
    uint32_t bits = device();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) id.push_back(kDigits[bits & 15]);
  }
  return id;
}

bool IsTraceparent(std::string_view value) {
  if (value.size() != kTraceparentBytes) return false;
  for (size_t i = 0; i < value.size(); ++i) {
    const bool is_dash = i == 2 || i == 35 || i == 52;
    if (is_dash ? value[i] != '-' : !IsHex(value[i])) return false;
  }
  return true;
}

}  // namespace foregate
