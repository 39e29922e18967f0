// Task files of `foregate eval`.
#include <cstdint>
#include <sstream>
#include <string>
#include <variant>

#include "client/evaluation/evaluation_task.h"
#include "kernels/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream file(std::string(reinterpret_cast<const char*>(data), size));
  const absl::StatusOr<foregate::TaskList> list = foregate::ReadTasks(&file, "fuzz.jsonl", {});
  if (!list.ok()) return 0;
  FOREGATE_CHECK(!list->tasks.empty());
  for (const foregate::EvaluationTask& task : list->tasks) {
    FOREGATE_CHECK_EQ(task.id.size(), 32u);
    FOREGATE_CHECK(task.conversation.messages_size() > 0);
    // Every task can be answered, and its right message is that answer.
    foregate::TaskReply reply;
    if (const auto* answer = std::get_if<std::string>(&task.answer)) {
      reply.content = foregate::Stripped("\n" + task.right_message.content() + " ");
      FOREGATE_CHECK(reply.content == *answer);
    } else {
      const auto& call = task.right_message.tool_calls(0);
      reply.calls.push_back(foregate::MakeTaskCall(call.name(), call.arguments_json()));
    }
    FOREGATE_CHECK(foregate::IsExact(task, reply));
    FOREGATE_CHECK(!foregate::IsExact(task, {}));
  }
  return 0;
}
