// A tokenizer.json and a text, separated by a line "====": any file loads or is refused, and what loads holds its
// promises about any text.
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/check.h"
#include "server/text/incremental_detokenizer.h"
#include "server/text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n====\n";
  const size_t border = input.find(kBorder);
  const std::string_view json = input.substr(0, border);
  const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + kBorder.size());
  const auto tokenizer = foregate::Tokenizer::Parse(json, "fuzz");
  if (!tokenizer.ok()) {
    FOREGATE_CHECK(!tokenizer.status().message().empty());
    return 0;
  }
  const auto ids = (*tokenizer)->Encode(text, {});
  if (!ids.ok()) return 0;
  // The post-processor may name ids that no token has; these read as nothing, or are refused.
  const auto decoded = (*tokenizer)->Decode(*ids, false);
  if (!decoded.ok()) return 0;
  foregate::IncrementalDetokenizer stream(tokenizer->get(), false);
  std::string streamed;
  for (const foregate::TokenId id : *ids) streamed += stream.Push(id);
  streamed += stream.Finish();
  FOREGATE_CHECK(streamed == *decoded);
  return 0;
}
