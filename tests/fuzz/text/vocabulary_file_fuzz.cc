// The bytes of a tokenizer.model or tiktoken.model and a text, separated by a line "====": any file becomes a tokenizer
// or is refused, and what it becomes encodes any text without harm. A first byte of '!' takes the file for a Llama's.
#include <cstdint>
#include <string_view>

#include "kernels/base/check.h"
#include "server/text/json_node.h"
#include "server/text/sentencepiece_source.h"
#include "server/text/special_tokens.h"
#include "server/text/tiktoken_source.h"
#include "server/text/tokenizer.h"
#include "server/text/tokenizer/tiktoken_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n====\n";
  const size_t border = input.rfind(kBorder);
  const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + kBorder.size());
  std::string_view bytes = input.substr(0, border);
  foregate::PipelineOptions options;
  if (bytes.starts_with('!')) {
    bytes.remove_prefix(1);
    options.tokenizer_class = "LlamaTokenizer";
    options.add_bos_token = true;
  }
  foregate::SpecialTokens tokens;
  tokens.by_id[3] = {.content = "<|end|>"};
  const auto document = foregate::LooksLikeTiktoken(bytes)
                            ? foregate::TiktokenDocument(bytes, "tokenizer.model", options, &tokens)
                            : foregate::SentencePieceDocument(bytes, options, &tokens);
  if (!document.ok()) {
    FOREGATE_CHECK(!document.status().message().empty());
    return 0;
  }
  nlohmann::json amended = *document;
  foregate::AmendAddedTokens(tokens, &amended);
  const auto tokenizer = foregate::Tokenizer::FromJson(foregate::JsonNode(&amended, "fuzz:"));
  if (!tokenizer.ok()) return 0;
  const auto ids = (*tokenizer)->Encode(text, {});
  if (ids.ok()) FOREGATE_CHECK((*tokenizer)->Decode(*ids, false).ok());
  return 0;
}
