#include "server/text/text_model.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/json_node.h"

namespace foregate {
namespace {

constexpr size_t kMaxConfigBytes = 64u << 20;

// A JSON file of the directory and its root; nothing when the file is absent.
class ConfigFile {
 public:
  static absl::StatusOr<ConfigFile> Read(const std::string& path) {
    ConfigFile file;
    file.path_ = path;
    absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxConfigBytes);
    if (absl::IsNotFound(text.status())) return file;
    if (!text.ok()) return text.status();
    FOREGATE_ASSIGN_OR_RETURN(file.document_, ParseJsonText(*text, path));
    if (!file.document_.is_object()) return file.root().Error("must be an object");
    return file;
  }

  // An absent file reads as an empty object.
  JsonNode root() const { return JsonNode(&document_, path_ + ":"); }
  absl::StatusOr<std::optional<JsonNode>> Find(std::string_view key) const { return root().OptionalChild(key); }

 private:
  nlohmann::json document_ = nlohmann::json::object();
  std::string path_;
};

// "<s>" or {"content": "<s>", ...}
absl::StatusOr<std::string> ReadTokenText(const JsonNode& node) {
  if (node.value().is_object()) return node.String("content");
  return node.AsString();
}

absl::Status ReadSpecialToken(const ConfigFile& file, std::string_view key, std::string* text) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find(key));
  if (!node.has_value() || !text->empty()) return absl::OkStatus();
  FOREGATE_ASSIGN_OR_RETURN(*text, ReadTokenText(*node));
  return absl::OkStatus();
}

absl::Status ReadSpecialTokens(const ConfigFile& file, TextModel* model) {
  FOREGATE_RETURN_IF_ERROR(ReadSpecialToken(file, "bos_token", &model->bos_token));
  FOREGATE_RETURN_IF_ERROR(ReadSpecialToken(file, "eos_token", &model->eos_token));
  FOREGATE_RETURN_IF_ERROR(ReadSpecialToken(file, "pad_token", &model->pad_token));
  return ReadSpecialToken(file, "unk_token", &model->unk_token);
}

absl::Status AddTemplate(const std::string& name, std::string source, const std::string& origin, TextModel* model) {
  FOREGATE_ASSIGN_OR_RETURN(auto compiled, ChatTemplate::Compile(std::move(source), origin));
  if (name == "default") {
    model->chat_template = std::move(compiled);
  } else {
    model->named_templates[name] = std::move(compiled);
  }
  return absl::OkStatus();
}

// A string, or a list of {"name": ..., "template": ...}.
absl::Status ReadTemplates(const ConfigFile& file, TextModel* model) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find("chat_template"));
  if (!node.has_value()) return absl::OkStatus();
  if (node->value().is_string()) {
    return AddTemplate("default", node->value().get<std::string>(), node->path(), model);
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, node->AsArray());
  for (const JsonNode& entry : entries) {
    FOREGATE_ASSIGN_OR_RETURN(const std::string name, entry.String("name"));
    FOREGATE_ASSIGN_OR_RETURN(std::string source, entry.String("template"));
    FOREGATE_RETURN_IF_ERROR(AddTemplate(name, std::move(source), entry.path() + ".template", model));
  }
  return absl::OkStatus();
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

absl::Status ReadNumber(const ConfigFile& file, std::string_view key, double low, double high,
                        std::optional<double>* number) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find(key));
  if (!node.has_value()) return absl::OkStatus();
  FOREGATE_ASSIGN_OR_RETURN(const double value, node->AsNumber());
  if (!(value >= low && value <= high)) return node->Error("is out of range: " + node->value().dump());
  *number = value;
  return absl::OkStatus();
}

absl::StatusOr<GenerationDefaults> ReadDefaults(const ConfigFile& file) {
  GenerationDefaults defaults;
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "temperature", 0, 100, &defaults.temperature));
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "top_p", 0, 1, &defaults.top_p));
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "min_p", 0, 1, &defaults.min_p));
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "repetition_penalty", 0, 100, &defaults.repetition_penalty));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> do_sample, file.Find("do_sample"));
  if (do_sample.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(defaults.do_sample, do_sample->AsBool());
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> top_k, file.Find("top_k"));
  if (top_k.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(defaults.top_k, top_k->AsId());
  }
  return defaults;
}

absl::Status LoadTokenizer(const std::string& directory, TextModel* model) {
  auto tokenizer = Tokenizer::Load(directory + "/tokenizer.json");
  if (absl::IsNotFound(tokenizer.status())) return absl::OkStatus();
  if (!tokenizer.ok()) return tokenizer.status();
  model->tokenizer = *std::move(tokenizer);
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

}  // namespace

absl::StatusOr<TextModel> LoadTextModel(const std::string& checkpoint_directory) {
  const auto read = [&](const std::string& name) { return ConfigFile::Read(checkpoint_directory + "/" + name); };
  TextModel model;
  FOREGATE_RETURN_IF_ERROR(LoadTokenizer(checkpoint_directory, &model));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile tokenizer_config, read("tokenizer_config.json"));
  FOREGATE_RETURN_IF_ERROR(ReadSpecialTokens(tokenizer_config, &model));
  FOREGATE_RETURN_IF_ERROR(ReadTemplates(tokenizer_config, &model));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile special_tokens, read("special_tokens_map.json"));
  FOREGATE_RETURN_IF_ERROR(ReadSpecialTokens(special_tokens, &model));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile added_tokens, read("added_tokens.json"));
  FOREGATE_RETURN_IF_ERROR(CheckAddedTokens(added_tokens, model));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile chat_template, read("chat_template.json"));
  FOREGATE_RETURN_IF_ERROR(ReadTemplates(chat_template, &model));
  const std::string template_path = checkpoint_directory + "/chat_template.jinja";
  absl::StatusOr<std::string> source = ReadWholeFile(template_path, kMaxConfigBytes);
  if (source.ok()) {
    FOREGATE_RETURN_IF_ERROR(AddTemplate("default", *std::move(source), template_path, &model));
  } else if (!absl::IsNotFound(source.status())) {
    return source.status();
  }
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile generation_config, read("generation_config.json"));
  FOREGATE_ASSIGN_OR_RETURN(model.defaults, ReadDefaults(generation_config));
  FOREGATE_RETURN_IF_ERROR(ReadEndIds(generation_config, &model.eos_token_ids));
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile config, read("config.json"));
  FOREGATE_RETURN_IF_ERROR(ReadEndIds(config, &model.eos_token_ids));
  if (model.eos_token_ids.empty() && model.tokenizer != nullptr) {
    const std::optional<TokenId> id = model.tokenizer->TokenToId(model.eos_token);
    if (id.has_value()) model.eos_token_ids.push_back(*id);
  }
  return model;
}

}  // namespace foregate
