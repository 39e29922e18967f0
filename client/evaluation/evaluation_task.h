// Tasks with one right answer, as `foregate eval` reads them (docs/evaluation.md).
#ifndef FOREGATE_CLIENT_EVALUATION_EVALUATION_TASK_H_
#define FOREGATE_CLIENT_EVALUATION_EVALUATION_TASK_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "client/evaluation/task_reply.h"
#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

// What of a task file is held at a time; longer files are refused.
inline constexpr size_t kMaxTaskFileBytes = size_t{256} << 20;
inline constexpr size_t kMaxTaskLineBytes = size_t{4} << 20;

struct EvaluationTask {
  // 32 hexadecimal digits of all that the task says: equal ids, equal tasks, wherever they stand.
  std::string id;
  std::string family;
  inference::v1::Conversation conversation;
  std::variant<std::string, TaskCall> answer;
  // The assistant's message that would have been right: `answer` as a template takes it.
  inference::v1::ChatMessage right_message;
  int64_t line = 0;
};

// Which tasks of a file are asked for.
struct TaskSelection {
  std::vector<std::string> families;  // empty: all
  std::optional<int64_t> limit;       // the first so many of each family
};

struct TaskList {
  std::vector<EvaluationTask> tasks;
  // Left out, because they stand earlier in the file: a greedy answer comes out the same twice.
  int64_t num_repeated = 0;
};

// One line of the file. INVALID_ARGUMENT "PLACE: FIELD ...".
absl::StatusOr<EvaluationTask> ParseTask(std::string_view line, const std::string& place);

// The selected tasks in the file's order; all lines are checked. INVALID_ARGUMENT also for a family without a task and
// for a file without any.
absl::StatusOr<TaskList> ReadTasks(std::istream* file, const std::string& name, const TaskSelection& selection);

// The reply is exactly the task's answer: its content and no call, or its call and no other.
bool IsExact(const EvaluationTask& task, const TaskReply& reply);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_EVALUATION_TASK_H_
