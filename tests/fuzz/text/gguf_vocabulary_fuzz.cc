// The bytes of a GGUF file and a text, separated by a line "====": the vocabulary in any file's metadata becomes a
// tokenizer or is refused with a reason, and what it becomes encodes any text without harm.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/formats/gguf/header.h"
#include "kernels/base/check.h"
#include "server/text/gguf_source.h"
#include "server/text/json_node.h"
#include "server/text/special_tokens.h"
#include "server/text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n====\n";
  const size_t border = input.rfind(kBorder);
  const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + kBorder.size());
  const std::string file(input.substr(0, border));
  const auto header = foregate::GgufHeader::Parse(file, file.size(), "fuzz.gguf");
  if (!header.ok() || !foregate::HasGgufTokenizer(*header)) return 0;
  foregate::SpecialTokens tokens;
  const auto document = foregate::GgufTokenizerDocument(*header, &tokens);
  if (!document.ok()) {
    FOREGATE_CHECK(document.status().message().find("fuzz.gguf") != std::string_view::npos);
    return 0;
  }
  nlohmann::json amended = *document;
  foregate::AmendAddedTokens(tokens, &amended);
  const auto tokenizer = foregate::Tokenizer::FromJson(foregate::JsonNode(&amended, "fuzz.gguf"));
  if (!tokenizer.ok()) return 0;
  const auto ids = (*tokenizer)->Encode(text, {});
  if (ids.ok()) FOREGATE_CHECK((*tokenizer)->Decode(*ids, false).ok());
  return 0;
}
