// Everything that a checkpoint's directory says about text: tokenizer, chat templates, special tokens, defaults.
#ifndef FOREGATE_SERVER_TEXT_TEXT_MODEL_H_
#define FOREGATE_SERVER_TEXT_TEXT_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/chat_template.h"
#include "server/text/tokenizer.h"

namespace foregate {

// What generation_config.json recommends; absent where it says nothing.
struct GenerationDefaults {
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<int32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
};

// Immutable after load; its parts are thread-safe.
struct TextModel {
  std::unique_ptr<const Tokenizer> tokenizer;         // null when the directory has no tokenizer.json
  std::unique_ptr<const ChatTemplate> chat_template;  // the default one; null when there is none
  std::map<std::string, std::unique_ptr<const ChatTemplate>> named_templates;  // "tool_use", "rag", ...; no default
  std::string bos_token;                                                       // empty when the checkpoint has none
  std::string eos_token;
  std::string pad_token;
  std::string unk_token;
  // The ids that end a generation, without duplicates, in the order of generation_config.json, else config.json,
  // else the id of eos_token.
  std::vector<TokenId> eos_token_ids;
  GenerationDefaults defaults;
};

// Reads tokenizer.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json, chat_template.jinja (wins
// over the one in tokenizer_config.json), chat_template.json, generation_config.json and config.json, each optional.
// INVALID_ARGUMENT naming file and key for anything malformed.
absl::StatusOr<TextModel> LoadTextModel(const std::string& checkpoint_directory);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TEXT_MODEL_H_
