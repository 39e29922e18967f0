#include "server/text/chat_template_files.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status Add(const std::string& name, std::string source, const std::string& origin, ChatTemplates* templates) {
  FOREGATE_ASSIGN_OR_RETURN((*templates)[name], ChatTemplate::Compile(std::move(source), origin));
  return absl::OkStatus();
}

absl::Status AddFile(const std::string& name, const ModelFiles& files, const std::string& file,
                     ChatTemplates* templates) {
  absl::StatusOr<std::string> source = files.ReadText(file, kMaxConfigBytes);
  if (absl::IsNotFound(source.status())) return absl::OkStatus();
  if (!source.ok()) return source.status();
  return Add(name, *std::move(source), files.PathOf(file), templates);
}

absl::Status AddFiles(const ModelFiles& files, ChatTemplates* templates) {
  FOREGATE_RETURN_IF_ERROR(AddFile("default", files, kTemplateFile, templates));
  for (const std::string& name : files.List(kTemplateDirectory)) {
    const std::filesystem::path path(name);
    if (path.extension() != ".jinja") continue;
    FOREGATE_RETURN_IF_ERROR(
        AddFile(path.stem().string(), files, std::string(kTemplateDirectory) + "/" + name, templates));
  }
  return absl::OkStatus();
}

absl::Status AddConfigured(const ConfigFile& file, ChatTemplates* templates) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find("chat_template"));
  if (!node.has_value()) return absl::OkStatus();
  if (node->value().is_string()) return Add("default", node->value().get<std::string>(), node->path(), templates);
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, node->AsArray());
  for (const JsonNode& entry : entries) {
    FOREGATE_ASSIGN_OR_RETURN(const std::string name, entry.String("name"));
    FOREGATE_ASSIGN_OR_RETURN(std::string source, entry.String("template"));
    FOREGATE_RETURN_IF_ERROR(Add(name, std::move(source), entry.path() + ".template", templates));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ChatTemplates> LoadChatTemplates(const ModelFiles& files, const ConfigFile& tokenizer_config) {
  ChatTemplates templates;
  FOREGATE_RETURN_IF_ERROR(AddFiles(files, &templates));
  if (!templates.empty()) return templates;
  FOREGATE_ASSIGN_OR_RETURN(const ConfigFile processor, ConfigFile::Read(files, "chat_template.json"));
  FOREGATE_RETURN_IF_ERROR(AddConfigured(processor, &templates));
  if (!templates.empty()) return templates;
  FOREGATE_RETURN_IF_ERROR(AddConfigured(tokenizer_config, &templates));
  return templates;
}

}  // namespace foregate
