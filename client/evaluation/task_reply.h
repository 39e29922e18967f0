// What a model replied to a task: the part that is judged, saved and compared.
#ifndef FOREGATE_CLIENT_EVALUATION_TASK_REPLY_H_
#define FOREGATE_CLIENT_EVALUATION_TASK_REPLY_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace foregate {

// A function's name and its arguments. Compared as values: neither the order of keys nor how a number is spelled
// counts.
struct TaskCall {
  std::string name;
  // Of a reply: an object, or a string with the text of what is none.
  nlohmann::json arguments;

  bool operator==(const TaskCall&) const = default;
};

struct TaskReply {
  std::string content;  // without white space around it
  std::vector<TaskCall> calls;

  bool operator==(const TaskReply&) const = default;
};

// Without the white space (ASCII) at either end.
std::string Stripped(const std::string& text);

// The call as a reply's format found it; `arguments` is the text of an object.
TaskCall MakeTaskCall(const std::string& name, const std::string& arguments);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_TASK_REPLY_H_
