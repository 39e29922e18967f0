// What came of one task, and the lines of the file that keeps it for a later comparison (docs/evaluation.md).
#ifndef FOREGATE_CLIENT_EVALUATION_TASK_RESULT_H_
#define FOREGATE_CLIENT_EVALUATION_TASK_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/evaluation/task_reply.h"

namespace foregate {

// A text of 200,000 tokens with 20 alternatives each is shorter.
inline constexpr size_t kMaxResultLineBytes = size_t{64} << 20;

struct TokenAlternative {
  int32_t token_id = 0;
  float logprob = 0;

  bool operator==(const TokenAlternative&) const = default;
};

// A token of a text under the model, and the likeliest ones in its place, each once. Log-probabilities are at most 0.
struct ScoredToken {
  int32_t token_id = 0;
  float logprob = 0;
  std::vector<TokenAlternative> top;

  bool operator==(const ScoredToken&) const = default;
};

// A task's conversation with its right answer, token by token. Nothing predicts the first token: it has no score.
struct ScoredText {
  std::vector<ScoredToken> tokens;
  // The answer's tokens: [begin, end), not empty, without the first token of all.
  size_t answer_begin = 0;
  size_t answer_end = 0;

  bool operator==(const ScoredText&) const = default;
};

struct TaskResult {
  std::string task_id;
  std::string family;
  // Of the requests. Where it is not OK, nothing below says anything. Read from a file, it is UNKNOWN with a text.
  absl::Status status;
  bool is_exact = false;
  TaskReply reply;
  std::optional<ScoredText> scores;
};

// What produced the results of a file.
struct ResultsHeader {
  std::string model;
  std::string weights_format;
  std::string numeric_contract;
  std::string server_version;
  int32_t max_tokens = 0;
  std::optional<int32_t> num_top;  // alternatives per token; unset: results without scores

  bool operator==(const ResultsHeader&) const = default;
};

// One line each, without its end. Alternatives less likely than one in a million are left out.
std::string HeaderLine(const ResultsHeader& header);
std::string ResultLine(const TaskResult& result);

// INVALID_ARGUMENT "PLACE: FIELD ..." for what no Line function writes.
absl::StatusOr<ResultsHeader> ParseHeaderLine(std::string_view line, const std::string& place);
absl::StatusOr<TaskResult> ParseResultLine(std::string_view line, const std::string& place);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_TASK_RESULT_H_
