// Where a checkpoint keeps its chat templates, and which of them count.
#ifndef FOREGATE_SERVER_TEXT_CHAT_TEMPLATE_FILES_H_
#define FOREGATE_SERVER_TEXT_CHAT_TEMPLATE_FILES_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/text/chat_template.h"
#include "server/text/config_file.h"

namespace foregate {

inline constexpr char kTemplateFile[] = "chat_template.jinja";
inline constexpr char kTemplateDirectory[] = "additional_chat_templates";

// By name; the one that is used without a name is "default".
using ChatTemplates = std::map<std::string, std::unique_ptr<const ChatTemplate>>;

// chat_template.jinja and additional_chat_templates/NAME.jinja replace whatever tokenizer_config.json says, as in
// transformers 5; chat_template.json, which processors of older checkpoints write, comes between the two. The two JSON
// files have a string or a list of {"name": ..., "template": ...} under "chat_template".
// INVALID_ARGUMENT naming file, key and line for a template that does not compile.
absl::StatusOr<ChatTemplates> LoadChatTemplates(const ModelFiles& files, const ConfigFile& tokenizer_config);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_CHAT_TEMPLATE_FILES_H_
