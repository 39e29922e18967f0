// A SentencePiece charsmap, and behind a line "====" a text: any bytes are refused or keep every text well-formed.
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/check.h"
#include "server/text/tokenizer/precompiled_charsmap.h"
#include "server/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n====\n";
  const size_t border = input.rfind(kBorder);
  const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + kBorder.size());
  const auto map = foregate::PrecompiledCharsmap::Parse(input.substr(0, border));
  if (!map.ok() || foregate::FirstInvalidUtf8(text).has_value()) return 0;
  std::string normalized(text);
  map->Apply(&normalized);
  FOREGATE_CHECK(!foregate::FirstInvalidUtf8(normalized).has_value());
  normalized = text;
  map->ApplyLongest(&normalized);
  FOREGATE_CHECK(!foregate::FirstInvalidUtf8(normalized).has_value());
  return 0;
}
