#include "server/text/tokenizer/precompiled_charsmap.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "server/text/tokenizer/grapheme_break.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// Clusters of this size and more are not looked up whole.
constexpr size_t kLongCluster = 6;

// Of one replacement; SentencePiece's own rules stay under 100 bytes. A hostile file must not multiply a text by more.
constexpr size_t kMaxReplacementBytes = 1024;

uint32_t ReadLittleEndian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

bool ContinuesCharacter(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// The units of a double array as Darts-clone packs them: a label and where the children are, or a leaf's value.
bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FF; }  // a leaf's is never a byte
uint32_t Offset(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

}  // namespace

absl::StatusOr<PrecompiledCharsmap> PrecompiledCharsmap::Parse(std::string_view bytes) {
  const auto error = [&](const std::string& what) {
    return absl::InvalidArgumentError("bad charsmap of " + std::to_string(bytes.size()) + " bytes: " + what);
  };
  if (bytes.size() < 4) return error("too short for a size");
  const uint32_t size = ReadLittleEndian(bytes, 0);
  if (size < 4 || size > bytes.size() - 4) return error("its double array has " + std::to_string(size) + " bytes");
  PrecompiledCharsmap map;
  map.units_.reserve(size / 4);
  for (size_t i = 0; i < size / 4; ++i) map.units_.push_back(ReadLittleEndian(bytes, 4 + 4 * i));
  map.replacements_ = bytes.substr(4 + size / 4 * 4);
  if (const auto offset = FirstInvalidUtf8(map.replacements_); offset.has_value()) {
    return error("its replacements are not UTF-8 at byte " + std::to_string(*offset));
  }
  for (size_t begin = 0; begin < map.replacements_.size();) {
    const size_t end = std::min(map.replacements_.find('\0', begin), map.replacements_.size());
    if (end - begin > kMaxReplacementBytes) return error("a replacement has " + std::to_string(end - begin) + " bytes");
    begin = end + 1;
  }
  for (size_t c = 0; c < map.keeps_ascii_.size(); ++c) {
    const char character = static_cast<char>(c);
    map.keeps_ascii_[c] = map.Find(std::string_view(&character, 1), false).length == 0;
  }
  return map;
}

PrecompiledCharsmap::Match PrecompiledCharsmap::Find(std::string_view text, bool longest) const {
  Match match;
  size_t node = Offset(units_[0]);
  for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || Label(units_[node]) != byte) break;
    const uint32_t unit = units_[node];
    node ^= Offset(unit);
    if (!HasLeaf(unit)) continue;
    if (node >= units_.size()) break;
    const size_t begin = Value(units_[node]);
    // A damaged file may point outside or into a character; a rule for part of a character would tear it.
    if (begin >= replacements_.size() || ContinuesCharacter(replacements_[begin])) break;
    if (i + 1 < text.size() && ContinuesCharacter(text[i + 1])) break;
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    match = {i + 1, std::string_view(replacements_).substr(begin, end - begin)};
    if (!longest) break;
  }
  return match;
}

void PrecompiledCharsmap::AppendCluster(std::string_view cluster, std::string* out) const {
  if (cluster.size() < kLongCluster) {
    if (const Match match = Find(cluster, false); match.length > 0) {
      *out += match.replacement;
      return;
    }
  }
  for (size_t i = 0; i < cluster.size();) {
    const std::string_view character = cluster.substr(i, Utf8Length(cluster[i]));
    const Match match = Find(character, false);
    *out += match.length > 0 ? match.replacement : character;
    i += character.size();
  }
}

void PrecompiledCharsmap::ApplyLongest(std::string* text) const {
  std::string out;
  out.reserve(text->size());
  for (size_t i = 0; i < text->size();) {
    const Match match = Find(std::string_view(*text).substr(i), true);
    const size_t length = match.length > 0 ? match.length : Utf8Length((*text)[i]);
    if (match.length > 0) {
      out += match.replacement;
    } else {
      out.append(*text, i, length);
    }
    i += length;
  }
  *text = std::move(out);
}

void PrecompiledCharsmap::Apply(std::string* text) const {
  const auto is_plain = [&](size_t i) {
    const auto byte = static_cast<uint8_t>((*text)[i]);
    return byte < 0x80 && keeps_ascii_[byte];
  };
  // A plain character followed by ASCII is a cluster that stays; but CR LF is one cluster, and so may have a rule.
  const auto stays = [&](size_t i) {
    if (!is_plain(i)) return false;
    if (i + 1 == text->size()) return true;
    return static_cast<uint8_t>((*text)[i + 1]) < 0x80 && (*text)[i] != '\r';
  };
  size_t begin = 0;
  while (begin < text->size() && stays(begin)) ++begin;
  if (begin == text->size()) return;
  std::string out = text->substr(0, begin);
  out.reserve(text->size());
  while (begin < text->size()) {
    if (stays(begin)) {
      out.push_back((*text)[begin++]);
      continue;
    }
    const size_t end = GraphemeEnd(*text, begin);
    AppendCluster(std::string_view(*text).substr(begin, end - begin), &out);
    begin = end;
  }
  *text = std::move(out);
}

}  // namespace foregate
