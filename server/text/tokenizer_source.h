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

// The file's name: tokenizer.json, else tokenizer.model, else tiktoken.model, ...; nothing when there is none.
std::optional<std::string> FindVocabularyFile(const std::string& directory);

// Borrowed for the duration of the call.
struct TokenizerSource {
  const std::string& directory;
  const std::string& vocabulary_file;  // as FindVocabularyFile names it
  const ConfigFile& tokenizer_config;
  const ConfigFile& config;  // config.json
};

// INVALID_ARGUMENT naming the file for one that is malformed, or whose pipeline is not known. Named tokens that only
// the vocabulary's file knows are added to `special`.
absl::StatusOr<std::unique_ptr<const Tokenizer>> BuildTokenizer(const TokenizerSource& source, SpecialTokens* special);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_SOURCE_H_
