// The pipeline of a checkpoint whose vocabulary is a tiktoken file: the file has tokens and ranks, and the rest is code
// beside it, which we know for some families.
#ifndef FOREGATE_SERVER_TEXT_TIKTOKEN_SOURCE_H_
#define FOREGATE_SERVER_TEXT_TIKTOKEN_SOURCE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/text/pipeline_document.h"
#include "server/text/special_tokens.h"

namespace foregate {

// A document shaped as tokenizer.json. By tokenizer_class: TikTokenTokenizer is Kimi's and Moonlight's (Han runs apart,
// 258 ids reserved behind the vocabulary), QWenTokenizer that of Qwen 1 (also for a file named qwen.tiktoken); a class
// that transformers 5 reads with its general converter, or none, is Llama 3's pattern. Another class is an error that
// names it. Ids behind the vocabulary are what tokens.by_id says. INVALID_ARGUMENT also for a malformed file.
//
// Kimi's own code encodes runs of more than 25,000 characters without white space in slices; here a run is one.
absl::StatusOr<nlohmann::json> TiktokenDocument(std::string_view bytes, const std::string& file_name,
                                                const PipelineOptions& options, SpecialTokens* tokens);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TIKTOKEN_SOURCE_H_
