#include "server/text/text_model.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "engine/formats/container/container_file.h"
#include "engine/formats/gguf/gguf_files.h"
#include "engine/formats/gguf/header.h"
#include "engine/formats/overlay.h"
#include "kernels/base/status_macros.h"
#include "server/text/chat_template_files.h"
#include "server/text/config_file.h"
#include "server/text/gguf_text_model.h"
#include "server/text/special_tokens.h"
#include "server/text/tokenizer_source.h"

namespace foregate {
namespace {

constexpr std::array kConfigFileNames = {"added_tokens.json",      "chat_template.jinja",     "chat_template.json",
                                         "generation_config.json", "special_tokens_map.json", "tokenizer_config.json"};

std::vector<std::string> FindFiles(const ModelFiles& files, const std::optional<std::string>& vocabulary_file) {
  std::vector<std::string> names;
  if (vocabulary_file.has_value()) names.push_back(*vocabulary_file);
  const std::vector<std::string> present = files.List("");
  for (const char* name : kConfigFileNames) {
    if (std::binary_search(present.begin(), present.end(), name)) names.emplace_back(name);
  }
  for (const std::string& name : files.List(kTemplateDirectory)) {
    if (name.ends_with(".jinja")) names.push_back(std::string(kTemplateDirectory) + "/" + name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// An id or a list of ids.
absl::Status ReadEndIds(const ConfigFile& file, std::vector<TokenId>* ids) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find("eos_token_id"));
  if (!node.has_value() || !ids->empty()) return absl::OkStatus();
  std::vector<JsonNode> entries = {*node};
  if (node->value().is_array()) {
    FOREGATE_ASSIGN_OR_RETURN(entries, node->AsArray());
  }
  for (const JsonNode& entry : entries) {
    FOREGATE_ASSIGN_OR_RETURN(const TokenId id, entry.AsId());
    if (std::find(ids->begin(), ids->end(), id) == ids->end()) ids->push_back(id);
  }
  return absl::OkStatus();
}

// added_tokens.json, {"token": id}, is redundant beside tokenizer.json; a contradiction means mixed-up files.
absl::Status CheckAddedTokens(const ConfigFile& file, const TextModel& model) {
  if (model.tokenizer == nullptr) return absl::OkStatus();
  for (const auto& [token, value] : file.root().value().items()) {
    const JsonNode node(&value, file.root().path() + " " + token);
    FOREGATE_ASSIGN_OR_RETURN(const TokenId id, node.AsId());
    const std::optional<TokenId> known = model.tokenizer->TokenToId(token);
    if (known.has_value() && *known != id) {
      return node.Error("is " + std::to_string(id) + ", but tokenizer.json makes it " + std::to_string(*known));
    }
  }
  return absl::OkStatus();
}

absl::Status LoadTokenizer(const ConfigFile& tokenizer_config, const ConfigFile& added_tokens,
                           const ConfigFile& special_tokens_map, const ConfigFile& config, TextModel* model) {
  FOREGATE_ASSIGN_OR_RETURN(SpecialTokens special,
                            ReadSpecialTokens(tokenizer_config, special_tokens_map, added_tokens));
  const std::optional<std::string> vocabulary_file = FindVocabularyFile(model->files);
  model->tokenizer_files = FindFiles(model->files, vocabulary_file);
  if (vocabulary_file.has_value()) {
    const TokenizerSource source = {model->files, *vocabulary_file, tokenizer_config, config};
    FOREGATE_ASSIGN_OR_RETURN(model->tokenizer, BuildTokenizer(source, &special));
    FOREGATE_RETURN_IF_ERROR(CheckAddedTokens(added_tokens, *model));
  }
  for (const auto& [name, token] : special.named) model->special_tokens.emplace(name, token.content);
  model->bos_token = special.Text("bos_token");
  model->eos_token = special.Text("eos_token");
  model->pad_token = special.Text("pad_token");
  model->unk_token = special.Text("unk_token");
  return absl::OkStatus();
}

absl::StatusOr<TextModel> LoadFromFiles(ModelFiles files) {
  const auto read = [&](const std::string& name) { return ConfigFile::Read(files, name); };
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile tokenizer_config, read("tokenizer_config.json"));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile special_tokens_map, read("special_tokens_map.json"));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile added_tokens, read("added_tokens.json"));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile generation_config, read("generation_config.json"));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile config, read("config.json"));
  TextModel model;
  model.files = files;
  FOREGATE_RETURN_IF_ERROR(LoadTokenizer(tokenizer_config, added_tokens, special_tokens_map, config, &model));
  FOREGATE_ASSIGN_OR_RETURN(ChatTemplates templates, LoadChatTemplates(files, tokenizer_config));
  if (auto unnamed = templates.extract("default"); !unnamed.empty()) model.chat_template = std::move(unnamed.mapped());
  model.named_templates = std::move(templates);
  FOREGATE_ASSIGN_OR_RETURN(model.defaults, ReadGenerationDefaults(generation_config));
  FOREGATE_RETURN_IF_ERROR(ReadEndIds(generation_config, &model.eos_token_ids));
  FOREGATE_RETURN_IF_ERROR(ReadEndIds(config, &model.eos_token_ids));
  if (model.eos_token_ids.empty() && model.tokenizer != nullptr) {
    const std::optional<TokenId> id = model.tokenizer->TokenToId(model.eos_token);
    if (id.has_value()) model.eos_token_ids.push_back(*id);
  }
  return model;
}

absl::StatusOr<TextModel> LoadFromContainer(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(std::shared_ptr<const ContainerFile> container, ContainerFile::Open(path));
  const ModelFiles files(std::move(container));
  if (!files.Has(kEmbeddedGgufMetadata)) return LoadFromFiles(files);
  FOREGATE_ASSIGN_OR_RETURN(std::string metadata, files.ReadText(kEmbeddedGgufMetadata, kMaxGgufHeaderBytes));
  const uint64_t num_bytes = metadata.size();
  FOREGATE_ASSIGN_OR_RETURN(const GgufHeader header,
                            GgufHeader::Parse(std::move(metadata), num_bytes, files.PathOf(kEmbeddedGgufMetadata)));
  FOREGATE_ASSIGN_OR_RETURN(TextModel model, ReadGgufTextModel(header));
  model.files = files;
  return model;
}

}  // namespace

absl::StatusOr<TextModel> LoadTextModel(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> container, FindContainer(path));
  if (container) return LoadFromContainer(*container);
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> gguf, FindGguf(path));
  if (gguf) return LoadGgufTextModel(*gguf);
  FOREGATE_ASSIGN_OR_RETURN(ModelFiles files, FilesOfCheckpoint(path));
  return LoadFromFiles(std::move(files));
}

}  // namespace foregate
