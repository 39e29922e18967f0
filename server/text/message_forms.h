// How a chat template reads messages: strings or parts, tool arguments as objects or as text. Templates do not say it,
// so small conversations of our own are rendered and looked at.
#ifndef FOREGATE_SERVER_TEXT_MESSAGE_FORMS_H_
#define FOREGATE_SERVER_TEXT_MESSAGE_FORMS_H_

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "server/text/chat_template.h"

namespace foregate {

// What stands in the content of an assistant's message that has tool calls.
enum class CallContent { kAbsent, kNull, kEmpty, kText };

struct CallForm {
  CallContent content = CallContent::kAbsent;
  bool arguments_as_text = false;
};

// Renders lazily and remembers: a conversation of usual messages costs nothing, one with tool calls or parts some
// renderings of three messages (about 30 us each). For one prompt; not thread-safe.
class MessageForms {
 public:
  // `variables` is the template's context but for the messages. Both must outlive this.
  MessageForms(const ChatTemplate& chat_template, const nlohmann::ordered_json& variables)
      : template_(chat_template), variables_(variables) {}

  // Whether the template shows the text of such a message. True for roles that it may have invented itself.
  bool TakesText(std::string_view role);
  // Whether it shows the text of several parts, and not the JSON or Python spelling of their list.
  bool TakesParts(std::string_view role);
  // How to write a message with tool calls so that the template shows them: as `given` if that works or nothing does.
  // Arguments are objects if that works.
  CallForm ForCalls(CallContent given);
  // Whether the template's source has the word.
  bool Mentions(std::string_view word) const;

 private:
  static constexpr size_t kNumRoles = 5;
  struct RoleForm {
    std::optional<bool> takes_text;
    std::optional<bool> takes_parts;
  };

  // Null for a role that is not one of the five usual ones.
  RoleForm* FindRole(std::string_view role);
  CallForm FindCallForm(CallContent given) const;
  bool ShowsCalls(CallForm form) const;
  // Messages in which one of `role` has this content.
  nlohmann::ordered_json Conversation(std::string_view role, nlohmann::ordered_json content);
  // Empty when the template refuses them.
  std::string Render(nlohmann::ordered_json messages) const;

  const ChatTemplate& template_;
  const nlohmann::ordered_json& variables_;
  std::array<RoleForm, kNumRoles> roles_;
  std::array<std::optional<CallForm>, 4> calls_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_MESSAGE_FORMS_H_
