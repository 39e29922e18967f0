// Everything that a checkpoint, a directory or a GGUF file, says about text: tokenizer, chat templates, special tokens,
// defaults.
#ifndef FOREGATE_SERVER_TEXT_TEXT_MODEL_H_
#define FOREGATE_SERVER_TEXT_TEXT_MODEL_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/model_files.h"
#include "server/text/chat_template.h"
#include "server/text/generation_defaults.h"
#include "server/text/tokenizer.h"

namespace foregate {

// Immutable after load; its parts are thread-safe.
struct TextModel {
  ModelFiles files;  // where it was read
  // The tokenizer's own files found there, ascending: whoever has these has the same tokenizer.
  std::vector<std::string> tokenizer_files;
  std::unique_ptr<const Tokenizer> tokenizer;         // null when the directory has no tokenizer
  std::unique_ptr<const ChatTemplate> chat_template;  // the default one; null when there is none
  std::map<std::string, std::unique_ptr<const ChatTemplate>> named_templates;  // "tool_use", "rag", ...; no default
  std::string bos_token;                                                       // empty when the checkpoint has none
  std::string eos_token;
  std::string pad_token;
  std::string unk_token;
  // Every special token that has a name, also a model's own: "bos_token", "cls_token", "image_token", ...; what
  // transformers gives to a chat template.
  std::map<std::string, std::string> special_tokens;
  // The ids that end a generation, without duplicates, in the order of generation_config.json, else config.json,
  // else the id of eos_token.
  std::vector<TokenId> eos_token_ids;
  GenerationDefaults defaults;
};

// Reads a checkpoint's directory, each file optional: the tokenizer (tokenizer_source.h says from which file),
// tokenizer_config.json, special_tokens_map.json and added_tokens.json (special_tokens.h says which wins),
// generation_config.json, config.json, and the chat templates: chat_template.jinja with
// additional_chat_templates/NAME.jinja, else chat_template.json, else those of tokenizer_config.json, as transformers
// chooses. An overlay (docs/overlay.md) takes each file that it has not from its base. A GGUF file, or a directory
// whose model is one (FindGguf), has all of it in its metadata (gguf_text_model.h). A container (FindContainer) has the
// files of either inside. INVALID_ARGUMENT naming file and key for anything malformed.
absl::StatusOr<TextModel> LoadTextModel(const std::string& path);

// The name that the metadata of a GGUF model has inside a container.
inline constexpr const char* kEmbeddedGgufMetadata = "metadata.gguf";

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TEXT_MODEL_H_
