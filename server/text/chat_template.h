// The chat template of a checkpoint: messages in, prompt out, byte-equal with jinja2 as transformers configures it.
#ifndef FOREGATE_SERVER_TEXT_CHAT_TEMPLATE_H_
#define FOREGATE_SERVER_TEXT_CHAT_TEMPLATE_H_

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

namespace jinja {
class Template;
}  // namespace jinja

// Compiled once, rendered from any number of threads. Template and arguments are untrusted: steps, depth, time
// and output size are bounded (jinja::Limits), and nothing but the context can be reached.
class ChatTemplate {
 public:
  // INVALID_ARGUMENT with name, line and column for what jinja2 would refuse at compile time.
  static absl::StatusOr<std::unique_ptr<const ChatTemplate>> Compile(std::string source, std::string name_for_errors);
  ~ChatTemplate();
  ChatTemplate(const ChatTemplate&) = delete;
  ChatTemplate& operator=(const ChatTemplate&) = delete;

  // `context` is an object whose keys become the template's variables: messages, tools, add_generation_prompt,
  // bos_token, eos_token and the request's own arguments. Order of keys matters (tojson, items), hence ordered_json.
  // `now` is what strftime_now() tells, in local time.
  // INVALID_ARGUMENT for raise_exception(), type errors and exceeded limits: "NAME: line N, column M: ...".
  absl::StatusOr<std::string> Render(const nlohmann::ordered_json& context, std::chrono::system_clock::time_point now =
                                                                                std::chrono::system_clock::now()) const;

  const std::string& source() const { return source_; }

 private:
  ChatTemplate(std::string source, std::unique_ptr<const jinja::Template> compiled);

  std::string source_;
  std::unique_ptr<const jinja::Template> compiled_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_CHAT_TEMPLATE_H_
