#include "server/text/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace foregate {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> MakeValues() {
  std::array<int8_t, 256> values{};
  for (int8_t& value : values) value = -1;
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}

constexpr std::array<int8_t, 256> kValues = MakeValues();

}  // namespace

absl::StatusOr<std::string> DecodeBase64(std::string_view text) {
  const auto error = [](size_t offset) {
    return absl::InvalidArgumentError("bad base64 at byte " + std::to_string(offset));
  };
  if (text.size() % 4 != 0) return error(text.size());
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const size_t size = text.size() - padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  for (size_t i = 0; i < size; ++i) {
    const int8_t value = kValues[static_cast<uint8_t>(text[i])];
    if (value < 0) return error(i);
    bits = bits << 6 | static_cast<uint32_t>(value);
    if (i % 4 == 1) bytes.push_back(static_cast<char>(bits >> 4 & 0xFF));
    if (i % 4 == 2) bytes.push_back(static_cast<char>(bits >> 2 & 0xFF));
    if (i % 4 == 3) bytes.push_back(static_cast<char>(bits & 0xFF));
  }
  // What the padding cuts off must be zero, so that every string of bytes has one spelling.
  if ((padding == 1 && (bits & 3) != 0) || (padding == 2 && (bits & 15) != 0)) return error(size - 1);
  return bytes;
}

std::string EncodeBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    const size_t taken = bytes.size() - i < 3 ? bytes.size() - i : 3;
    for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < taken ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) text.push_back(k <= taken ? kAlphabet[bits >> (18 - 6 * k) & 63] : '=');
  }
  return text;
}

}  // namespace foregate
