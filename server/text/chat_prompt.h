// What happens to a conversation before its template renders it: the step that transformers calls apply_chat_template,
// and the repairs that a server owes to clients that speak the chat format of OpenAI.
#ifndef FOREGATE_SERVER_TEXT_CHAT_PROMPT_H_
#define FOREGATE_SERVER_TEXT_CHAT_PROMPT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "server/text/text_model.h"

namespace foregate {

// What a request says, in the JSON of the chat format that transformers takes.
struct ChatPrompt {
  nlohmann::ordered_json messages;            // array of message objects
  nlohmann::ordered_json tools;               // array of tool objects (JSON schema), or null
  nlohmann::ordered_json documents;           // array, or null
  nlohmann::ordered_json template_arguments;  // object or null: enable_thinking and any other variable
  std::string template_name;                  // "tool_use", "rag", ...; empty: as transformers chooses
  bool add_generation_prompt = true;
  bool continue_final_message = false;
};

// The prompt of the model, with its special tokens written out. As transformers 5.23:
// * Template: `template_name`; else "tool_use" where tools are given, even an empty array; else the default one.
// * Variables: messages, tools, documents, add_generation_prompt; each special token by its name (bos_token,
//   image_token), undefined where the checkpoint has none; template_arguments, which win over special tokens and must
//   not take the other names, nor those of apply_chat_template's own parameters.
// * Keys of a message whose value is null are dropped: a template sees them undefined.
// * reasoning_content, thinking and reasoning are one: each template finds it under the name that it reads.
// * continue_final_message: the prompt ends where the last message's content (its last text part) ends.
// Beyond transformers, because clients write messages in the one way of OpenAI and templates read them in many; which
// way a template reads is found by rendering small conversations (message_forms.h):
// * Arguments of a tool call that are the text of a JSON object become that object, no text at all an empty object; but
//   a template that writes them as text gets the text, made as json.dumps does where an object was given.
// * An assistant's message with tool calls and no text keeps its content (absent, null or "") unless the template loses
//   the calls of such a message and shows those of another of the three.
// * Content of text parts only is joined by newlines for a template that takes only strings, and a string becomes one
//   part for a template that takes only parts. Parts of other types are passed on, or refused by such a template.
// * The role "developer" becomes "system" for a template that does not contain the word.
// * An empty array of tool calls is dropped.
//
// FAILED_PRECONDITION when the checkpoint has no template, NOT_FOUND for a template_name that it lacks or when it has
// no default one (both list the names), INVALID_ARGUMENT naming message and field ("messages[2].tool_calls[0]...") for
// what breaks the rules above, and what the template itself refuses. Thread-safe.
absl::StatusOr<std::string> RenderChatPrompt(const TextModel& text, const ChatPrompt& prompt);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_CHAT_PROMPT_H_
