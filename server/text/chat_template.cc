#include "server/text/chat_template.h"

#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/parser.h"

namespace foregate {

ChatTemplate::ChatTemplate(std::string source, std::unique_ptr<const jinja::Template> compiled)
    : source_(std::move(source)), compiled_(std::move(compiled)) {}

ChatTemplate::~ChatTemplate() = default;

absl::StatusOr<std::unique_ptr<const ChatTemplate>> ChatTemplate::Compile(std::string source,
                                                                          std::string name_for_errors) {
  FOREGATE_ASSIGN_OR_RETURN(auto compiled, jinja::ParseTemplate(source, std::move(name_for_errors)));
  return std::unique_ptr<const ChatTemplate>(new ChatTemplate(std::move(source), std::move(compiled)));
}

absl::StatusOr<std::string> ChatTemplate::Render(const nlohmann::ordered_json& context,
                                                 std::chrono::system_clock::time_point now) const {
  return jinja::Interpreter(*compiled_, now).Render(context);
}

}  // namespace foregate
