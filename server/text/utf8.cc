#include "server/text/utf8.h"

#include <cstring>

namespace foregate {
namespace {

// What the next character of `text` looks like: `length` bytes that are well formed, or are not.
struct Scan {
  size_t length;  // of the character, or of the maximal ill-formed (or unfinished) prefix; at least 1
  bool valid;
  bool unfinished;  // text ends inside a character that more bytes could complete
};

// Table 3-7 of the Unicode standard: only the second byte's range depends on the first.
Scan ScanCharacter(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true, false};
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, false, true};
    if (byte(i) < (i == 1 ? low : 0x80) || byte(i) > (i == 1 ? high : 0xBF)) return {i, false, false};
  }
  return {length, true, false};
}

size_t AsciiPrefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (i < text.size() && static_cast<uint8_t>(text[i]) < 0x80) ++i;
  return i;
}

}  // namespace

std::optional<size_t> FirstInvalidUtf8(std::string_view text) {
  size_t position = 0;
  while (true) {
    position += AsciiPrefix(text.substr(position));
    if (position == text.size()) return std::nullopt;
    const Scan scan = ScanCharacter(text.substr(position));
    if (!scan.valid) return position;
    position += scan.length;
  }
}

bool IsAscii(std::string_view text) { return AsciiPrefix(text) == text.size(); }

char32_t NextCodePoint(std::string_view text, size_t* position) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(text[*position + i])); };
  const size_t length = Utf8Length(text[*position]);
  char32_t code_point = byte(0);
  if (length == 2) code_point = (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
  if (length == 3) code_point = (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  if (length == 4) {
    code_point = (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
  *position += length;
  return code_point;
}

char32_t PreviousCodePoint(std::string_view text, size_t* end) {
  do {
    --*end;
  } while ((static_cast<uint8_t>(text[*end]) & 0xC0) == 0x80);
  size_t position = *end;
  return NextCodePoint(text, &position);
}

void AppendUtf8(char32_t code_point, std::string* out) {
  const auto append = [&](char32_t byte) { out->push_back(static_cast<char>(static_cast<uint8_t>(byte))); };
  if (code_point < 0x80) {
    append(code_point);
  } else if (code_point < 0x800) {
    append(0xC0 | code_point >> 6);
    append(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    append(0xE0 | code_point >> 12);
    append(0x80 | (code_point >> 6 & 0x3F));
    append(0x80 | (code_point & 0x3F));
  } else {
    append(0xF0 | code_point >> 18);
    append(0x80 | (code_point >> 12 & 0x3F));
    append(0x80 | (code_point >> 6 & 0x3F));
    append(0x80 | (code_point & 0x3F));
  }
}

void Utf8LossyStream::Push(std::string_view bytes, std::string* out) {
  std::string joined;
  if (!pending_.empty()) {
    joined = pending_;
    joined.append(bytes);
    bytes = joined;
    pending_.clear();
  }
  while (!bytes.empty()) {
    const size_t ascii = AsciiPrefix(bytes);
    out->append(bytes.substr(0, ascii));
    bytes.remove_prefix(ascii);
    if (bytes.empty()) return;
    const Scan scan = ScanCharacter(bytes);
    if (scan.unfinished) {
      pending_ = bytes;
      return;
    }
    out->append(scan.valid ? bytes.substr(0, scan.length) : kReplacementCharacter);
    bytes.remove_prefix(scan.length);
  }
}

void Utf8LossyStream::Finish(std::string* out) {
  if (!pending_.empty()) out->append(kReplacementCharacter);
  pending_.clear();
}

std::string Utf8Lossy(std::string_view bytes) {
  std::string out;
  Utf8LossyStream stream;
  stream.Push(bytes, &out);
  stream.Finish(&out);
  return out;
}

}  // namespace foregate
