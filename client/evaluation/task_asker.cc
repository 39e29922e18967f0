#include "client/evaluation/task_asker.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

pb::ChatRequest MakeRequest(const EvaluationTask& task, const AskOptions& options, int32_t max_tokens) {
  pb::ChatRequest request;
  if (options.model) request.set_model(*options.model);
  *request.mutable_conversation() = task.conversation;
  request.mutable_options()->mutable_sampling()->set_temperature(0);
  request.mutable_options()->mutable_stop()->set_max_tokens(max_tokens);
  return request;
}

TaskReply ReplyOf(const pb::Sample& sample) {
  TaskReply reply;
  reply.content = Stripped(sample.has_message() ? sample.message().content() : sample.text());
  for (const pb::ToolCall& call : sample.message().tool_calls()) {
    reply.calls.push_back(MakeTaskCall(call.name(), call.arguments_json()));
  }
  return reply;
}

absl::StatusOr<TaskReply> AskReply(Client* client, const EvaluationTask& task, const AskOptions& options,
                                   const CallOptions& call) {
  const auto response = client->Chat(MakeRequest(task, options, options.max_tokens), call);
  if (!response.ok()) return response.status();
  if (response->samples_size() != 1) return absl::InternalError("the server sent no reply, or more than one");
  return ReplyOf(response->samples(0));
}

absl::StatusOr<ScoredText> AskScores(Client* client, const EvaluationTask& task, const AskOptions& options,
                                     const CallOptions& call) {
  pb::RenderChatRequest question;
  if (options.model) question.set_model(*options.model);
  *question.mutable_conversation() = task.conversation;
  const auto rendered = client->RenderChat(question, call);
  if (!rendered.ok()) return rendered.status();

  // A turn that is over, so that its end is scored too; one token has to be generated and is not looked at.
  pb::ChatRequest request = MakeRequest(task, options, /*max_tokens=*/1);
  *request.mutable_conversation()->add_messages() = task.right_message;
  request.mutable_conversation()->set_add_generation_prompt(false);
  request.mutable_options()->mutable_output()->set_prompt_logprobs(*options.num_top);
  const auto response = client->Chat(request, call);
  if (!response.ok()) return response.status();
  return ScoresOf(response->prompt_logprobs(), rendered->token_ids(), options.end_token_ids);
}

// Rounding may leave the log-probability of a sure token a little above 0.
bool ReadLogprob(float value, float* logprob) {
  *logprob = std::min(value, 0.0F);
  return std::isfinite(value);
}

}  // namespace

absl::StatusOr<ScoredText> ScoresOf(const google::protobuf::RepeatedPtrField<pb::TokenLogprobs>& prompt_logprobs,
                                    const google::protobuf::RepeatedField<int32_t>& question,
                                    const std::vector<int32_t>& end_token_ids) {
  ScoredText scores;
  for (const pb::TokenLogprobs& prompt_token : prompt_logprobs) {
    ScoredToken token;
    token.token_id = prompt_token.token().token_id();
    bool is_finite = true;
    if (!scores.tokens.empty()) {
      if (!prompt_token.has_logprob()) return absl::InternalError("the server left a prompt token without its score");
      is_finite = ReadLogprob(prompt_token.token().logprob(), &token.logprob);
      for (const pb::TokenLogprob& alternative : prompt_token.top()) {
        token.top.push_back({alternative.token_id(), 0});
        // Impossible tokens are among the likeliest where few are possible.
        if (!ReadLogprob(alternative.logprob(), &token.top.back().logprob)) token.top.pop_back();
      }
    }
    if (!is_finite) return absl::InternalError("the model gives a token of the task no probability");
    scores.tokens.push_back(std::move(token));
  }
  const size_t size = scores.tokens.size();
  const size_t most = std::min(size, static_cast<size_t>(question.size()));
  size_t begin = 0;
  while (begin < most && scores.tokens[begin].token_id == question.Get(static_cast<int>(begin))) ++begin;
  if (begin == 0 || begin == size) {
    return absl::FailedPreconditionError("the chat template does not put the answer behind the question");
  }
  scores.answer_begin = begin;
  const auto is_end = [&](const ScoredToken& token) {
    return std::find(end_token_ids.begin(), end_token_ids.end(), token.token_id) != end_token_ids.end();
  };
  const auto end = std::find_if(scores.tokens.begin() + static_cast<ptrdiff_t>(begin), scores.tokens.end(), is_end);
  scores.answer_end = static_cast<size_t>(end - scores.tokens.begin()) + (end == scores.tokens.end() ? 0 : 1);
  return scores;
}

TaskResult AskTask(Client* client, const EvaluationTask& task, const AskOptions& options, const CallOptions& call) {
  TaskResult result;
  result.task_id = task.id;
  result.family = task.family;
  absl::StatusOr<TaskReply> reply = AskReply(client, task, options, call);
  if (!reply.ok()) {
    result.status = reply.status();
    return result;
  }
  result.reply = *std::move(reply);
  result.is_exact = IsExact(task, result.reply);
  if (!options.num_top) return result;
  absl::StatusOr<ScoredText> scores = AskScores(client, task, options, call);
  if (scores.ok()) {
    result.scores = *std::move(scores);
  } else {
    result.status = scores.status();
  }
  return result;
}

}  // namespace foregate
