#include "client/evaluation/evaluation_task.h"

#include <openssl/evp.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "client/conversation_file.h"
#include "client/evaluation/json_fields.h"
#include "client/evaluation/line_reader.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

constexpr size_t kMaxFamilyBytes = 64;
// Half of a SHA-256: that two of the tasks of one file meet by chance is out of the question.
constexpr size_t kIdBytes = 16;

std::string ContentHash(const std::string& content) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(content.data(), content.size(), digest, &size, EVP_sha256(), nullptr);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < kIdBytes; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

absl::Status CheckFamily(const std::string& family, const std::string& place) {
  // It becomes the name of a table's row.
  const bool is_shown =
      std::none_of(family.begin(), family.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!family.empty() && family.size() <= kMaxFamilyBytes && is_shown) return absl::OkStatus();
  return FieldFault(place, "family", "must have 1 to 64 bytes, none of them a control character");
}

// {"messages": [...], "tools": [...]}, whichever way the task has them.
absl::StatusOr<OrderedJson> ConversationJson(const OrderedJson& json, const std::string& place) {
  if (json.contains("prompt") == json.contains("messages")) {
    return absl::InvalidArgumentError(place + ": wants either prompt or messages");
  }
  OrderedJson conversation;
  if (json.contains("messages")) {
    if (!json["messages"].is_array()) return FieldFault(place, "messages", "must be an array");
    if (json["messages"].empty()) return FieldFault(place, "messages", "must not be empty");
    conversation["messages"] = json["messages"];
  } else {
    absl::StatusOr<std::string> prompt = StringField(json, "prompt", place);
    if (!prompt.ok()) return prompt.status();
    conversation["messages"] = OrderedJson::array({{{"role", "user"}, {"content", *std::move(prompt)}}});
  }
  if (json.contains("tools")) {
    if (!json["tools"].is_array() || json["tools"].empty()) {
      return FieldFault(place, "tools", "must be an array that is not empty");
    }
    conversation["tools"] = json["tools"];
  }
  return conversation;
}

absl::StatusOr<std::string> ReadAnswer(const OrderedJson& json, const std::string& place) {
  absl::StatusOr<std::string> answer = StringField(json, "answer", place);
  if (!answer.ok()) return answer;
  if (answer->empty()) return FieldFault(place, "answer", "must not be empty");
  if (Stripped(*answer) != *answer) {
    return FieldFault(place, "answer", "has white space around it, which no reply is compared with");
  }
  return answer;
}

absl::StatusOr<TaskCall> ReadCall(const OrderedJson& json, const std::string& place, const pb::Conversation& context) {
  if (!json.is_object()) return FieldFault(place, "tool_call", "must be an object");
  const std::string inside = place + ": tool_call";
  if (absl::Status status = CheckKeys(json, {"name", "arguments"}, inside); !status.ok()) return status;
  absl::StatusOr<std::string> name = StringField(json, "name", inside);
  if (!name.ok()) return name.status();
  if (!json.contains("arguments") || !json["arguments"].is_object()) {
    return FieldFault(inside, "arguments", "must be an object");
  }
  const bool is_offered = std::any_of(context.tools().begin(), context.tools().end(),
                                      [&](const pb::ToolDefinition& tool) { return tool.name() == *name; });
  if (!is_offered) return FieldFault(inside, "name", "is none of the task's tools");
  TaskCall call = MakeTaskCall(*name, JsonText(json["arguments"]));
  if (!call.arguments.is_object()) return FieldFault(inside, "arguments", "are nested too deep");
  return call;
}

}  // namespace

absl::StatusOr<EvaluationTask> ParseTask(std::string_view line, const std::string& place) {
  const absl::StatusOr<OrderedJson> json = ParseJsonObject(line, place);
  if (!json.ok()) return json.status();
  absl::Status status = CheckKeys(*json, {"family", "prompt", "messages", "tools", "answer", "tool_call"}, place);
  if (!status.ok()) return status;
  EvaluationTask task;
  absl::StatusOr<std::string> family = StringField(*json, "family", place);
  if (!family.ok()) return family.status();
  task.family = *std::move(family);
  if (status = CheckFamily(task.family, place); !status.ok()) return status;

  const absl::StatusOr<OrderedJson> conversation = ConversationJson(*json, place);
  if (!conversation.ok()) return conversation.status();
  if (status = AddConversation(JsonText(*conversation), place, &task.conversation); !status.ok()) return status;

  if (json->contains("answer") == json->contains("tool_call")) {
    return absl::InvalidArgumentError(place + ": wants either answer or tool_call");
  }
  task.right_message.set_role(pb::ROLE_ASSISTANT);
  OrderedJson content = {{"family", task.family}, {"conversation", *conversation}};
  if (json->contains("answer")) {
    absl::StatusOr<std::string> answer = ReadAnswer(*json, place);
    if (!answer.ok()) return answer.status();
    content["answer"] = *answer;
    task.right_message.set_content(*answer);
    task.answer = *std::move(answer);
  } else {
    absl::StatusOr<TaskCall> call = ReadCall((*json)["tool_call"], place, task.conversation);
    if (!call.ok()) return call.status();
    content["tool_call"] = (*json)["tool_call"];
    // Its text, not its value: a template shows the arguments in the order they were written in.
    auto* right_call = task.right_message.add_tool_calls();
    right_call->set_name(call->name);
    right_call->set_arguments_json(JsonText((*json)["tool_call"]["arguments"]));
    task.answer = *std::move(call);
  }
  task.id = ContentHash(JsonText(content));
  return task;
}

absl::StatusOr<TaskList> ReadTasks(std::istream* file, const std::string& name, const TaskSelection& selection) {
  TaskList list;
  std::map<std::string, int64_t> num_selected;
  for (const std::string& family : selection.families) num_selected[family] = 0;
  std::set<std::string> seen;
  LineReader reader(file, name, kMaxTaskLineBytes);
  std::string line;
  while (true) {
    const absl::StatusOr<bool> has_line = reader.Next(&line);
    if (!has_line.ok()) return has_line.status();
    if (!*has_line) break;
    if (reader.offset() + line.size() > kMaxTaskFileBytes) {
      return absl::InvalidArgumentError(name + ": longer than " + std::to_string(kMaxTaskFileBytes >> 20) + " MiB");
    }
    absl::StatusOr<EvaluationTask> task = ParseTask(line, reader.place());
    if (!task.ok()) return task.status();
    if (!selection.families.empty() && num_selected.count(task->family) == 0) continue;
    int64_t& num_of_family = num_selected[task->family];
    if (selection.limit && num_of_family >= *selection.limit) continue;
    if (!seen.insert(task->id).second) {
      ++list.num_repeated;
      continue;
    }
    ++num_of_family;
    task->line = reader.line_number();
    list.tasks.push_back(*std::move(task));
  }
  for (const auto& [family, count] : num_selected) {
    if (count == 0) return absl::InvalidArgumentError(name + ": holds no task of the family \"" + family + "\"");
  }
  if (list.tasks.empty()) return absl::InvalidArgumentError(name + ": holds no task");
  return list;
}

bool IsExact(const EvaluationTask& task, const TaskReply& reply) {
  if (const auto* answer = std::get_if<std::string>(&task.answer)) {
    return reply.calls.empty() && reply.content == *answer;
  }
  return reply.calls.size() == 1 && reply.calls[0] == std::get<TaskCall>(task.answer);
}

}  // namespace foregate
