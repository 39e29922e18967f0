// Asks a server one task: its reply, and what it thinks of the right one.
#ifndef FOREGATE_CLIENT_EVALUATION_TASK_ASKER_H_
#define FOREGATE_CLIENT_EVALUATION_TASK_ASKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/evaluation/evaluation_task.h"
#include "client/evaluation/task_result.h"

namespace foregate {

struct AskOptions {
  std::optional<std::string> model;  // name that the served model must have
  int32_t max_tokens = 0;
  std::optional<int32_t> num_top;  // scores with so many alternatives; unset: no scores
  // Of the served model, so that what a template writes behind a turn is no part of the answer.
  std::vector<int32_t> end_token_ids;
};

// Thread-safe as the client is. Failures are in the result's status. One chat, greedy; with scores two calls more: what
// the template makes of the question alone, and a chat that ends with the right answer, of which only the prompt
// counts.
TaskResult AskTask(Client* client, const EvaluationTask& task, const AskOptions& options, const CallOptions& call);

// The scores of a prompt whose question alone would be the tokens `question`: the answer begins where the two part, and
// ends with the first end token, or with the prompt. INTERNAL for what no server should send. Pure.
absl::StatusOr<ScoredText> ScoresOf(
    const google::protobuf::RepeatedPtrField<inference::v1::TokenLogprobs>& prompt_logprobs,
    const google::protobuf::RepeatedField<int32_t>& question, const std::vector<int32_t>& end_token_ids);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_TASK_ASKER_H_
