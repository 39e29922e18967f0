#include "server/text/gguf_text_model.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/formats/gguf/header.h"
#include "engine/formats/read_only_file.h"
#include "kernels/base/status_macros.h"
#include "server/text/config_file.h"
#include "server/text/gguf_source.h"
#include "server/text/gguf_vocabulary.h"
#include "server/text/json_node.h"
#include "server/text/special_tokens.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

constexpr uint64_t kMaxTemplates = 64;

// Control tokens that end a turn or a text, whatever the family.
constexpr const char* kEndTokens[] = {"<|im_end|>",      "<|eot_id|>",    "<|eom_id|>",    "<|endoftext|>",
                                      "<|end_of_text|>", "<end_of_turn>", "<|eot|>",       "<|end|>",
                                      "<|return|>",      "<|call|>",      "<|endofturn|>", "</s>"};

absl::Status AddTemplate(const GgufHeader& header, const std::string& key, const std::string& name, TextModel* model) {
  FOREGATE_ASSIGN_OR_RETURN(std::optional<std::string> source, GgufText(header, key));
  if (!source) return absl::OkStatus();
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<const ChatTemplate> compiled,
                            ChatTemplate::Compile(*std::move(source), header.file() + ": metadata \"" + key + "\""));
  if (name == "default") {
    model->chat_template = std::move(compiled);
  } else {
    model->named_templates[name] = std::move(compiled);
  }
  return absl::OkStatus();
}

absl::Status AddTemplates(const GgufHeader& header, TextModel* model) {
  constexpr const char* kNames = "tokenizer.chat_templates";
  if (const GgufValue* value = header.Find(kNames)) {
    if (!value->is_array() || value->element_type() != GgufValueType::kString || value->num_elements() > kMaxTemplates)
      return GgufKeyError(header, kNames, "want at most " + std::to_string(kMaxTemplates) + " names");
    const std::vector<std::string_view> names = *value->AsStrings();
    for (const std::string_view name : names) {
      if (FirstInvalidUtf8(name).has_value()) return GgufKeyError(header, kNames, "a name that is not UTF-8");
      FOREGATE_RETURN_IF_ERROR(
          AddTemplate(header, "tokenizer.chat_template." + std::string(name), std::string(name), model));
    }
  }
  return AddTemplate(header, "tokenizer.chat_template", "default", model);
}

absl::Status AddEndIds(const GgufHeader& header, TextModel* model) {
  const auto add = [&](TokenId id) {
    std::vector<TokenId>& ids = model->eos_token_ids;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  const auto size = static_cast<size_t>(model->tokenizer->vocab_size());
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<int32_t> id, GgufTokenId(header, key, size));
    if (id) add(*id);
  }
  for (const char* text : kEndTokens) {
    const std::optional<TokenId> id = model->tokenizer->TokenToId(text);
    if (id && model->tokenizer->IsSpecial(*id)) add(*id);
  }
  return absl::OkStatus();
}

absl::Status AddDefaults(const GgufHeader& header, TextModel* model) {
  constexpr std::pair<const char*, const char*> kNumbers[] = {
      {"general.sampling.temp", "temperature"},
      {"general.sampling.top_p", "top_p"},
      {"general.sampling.top_k", "top_k"},
      {"general.sampling.min_p", "min_p"},
      {"general.sampling.penalty_repeat", "repetition_penalty"}};
  nlohmann::json document = nlohmann::json::object();
  for (const auto& [key, name] : kNumbers) {
    const GgufValue* value = header.Find(key);
    if (value == nullptr) continue;
    const std::optional<double> number = value->AsNumber();
    if (!number) return GgufKeyError(header, key, "want a number");
    document[name] = *number;
    if (const std::optional<int64_t> integer = value->AsInteger()) document[name] = *integer;
  }
  const ConfigFile file = ConfigFile::FromDocument(std::move(document), header.file() + ": general.sampling");
  FOREGATE_ASSIGN_OR_RETURN(model->defaults, ReadGenerationDefaults(file));
  return absl::OkStatus();
}

absl::Status AddTokenizer(const GgufHeader& header, TextModel* model) {
  SpecialTokens special;
  FOREGATE_ASSIGN_OR_RETURN(nlohmann::json document, GgufTokenizerDocument(header, &special));
  AmendAddedTokens(special, &document);
  FOREGATE_ASSIGN_OR_RETURN(model->tokenizer, Tokenizer::FromJson(JsonNode(&document, header.file() + ": tokenizer:")));
  for (const auto& [name, token] : special.named) model->special_tokens.emplace(name, token.content);
  model->bos_token = special.Text("bos_token");
  model->eos_token = special.Text("eos_token");
  model->pad_token = special.Text("pad_token");
  model->unk_token = special.Text("unk_token");
  return AddEndIds(header, model);
}

}  // namespace

absl::StatusOr<TextModel> ReadGgufTextModel(const GgufHeader& header) {
  TextModel model;
  if (HasGgufTokenizer(header)) FOREGATE_RETURN_IF_ERROR(AddTokenizer(header, &model));
  FOREGATE_RETURN_IF_ERROR(AddTemplates(header, &model));
  FOREGATE_RETURN_IF_ERROR(AddDefaults(header, &model));
  return model;
}

absl::StatusOr<TextModel> LoadGgufTextModel(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(path));
  FOREGATE_ASSIGN_OR_RETURN(const GgufHeader header, GgufHeader::Read(*file));
  FOREGATE_ASSIGN_OR_RETURN(TextModel model, ReadGgufTextModel(header));
  model.files = ModelFiles(std::filesystem::path(path).parent_path().string());
  return model;
}

}  // namespace foregate
