// Which file of a checkpoint's directory holds its vocabulary, and the tokenizer that comes of it.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_SOURCE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/text/config_file.h"
#include "server/text/special_tokens.h"
#include "server/text/tokenizer.h"

namespace foregate {

// The file's name, in this order: tokenizer.json, tokenizer.model (SentencePiece, or tiktoken as Llama 3 has it),
// tiktoken.model, qwen.tiktoken, and names that BuildTokenizer refuses; nothing when there is none of them.
std::optional<std::string> FindVocabularyFile(const ModelFiles& files);

// Borrowed for the duration of the call.
struct TokenizerSource {
  const ModelFiles& files;
  const std::string& vocabulary_file;  // as FindVocabularyFile names it
  const ConfigFile& tokenizer_config;
  const ConfigFile& config;  // config.json
};

// A tokenizer.json decides on the pipeline alone, as in transformers 5: add_bos_token, add_eos_token, legacy and
// add_prefix_space of tokenizer_config.json count only for the other files, and the classes that transformers rebuilds
// from their name are read as the file has them. Its padding and truncation are for training and are ignored. Tokens
// that only the configuration knows are added to it (special_tokens.h).
//
// INVALID_ARGUMENT naming the file for one that is malformed, or whose pipeline is not known. Named tokens that only
// the vocabulary's file knows are added to `special`.
absl::StatusOr<std::unique_ptr<const Tokenizer>> BuildTokenizer(const TokenizerSource& source, SpecialTokens* special);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_SOURCE_H_
