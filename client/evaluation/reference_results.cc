#include "client/evaluation/reference_results.h"

#include <unordered_set>
#include <utility>

#include "client/evaluation/line_reader.h"

namespace foregate {

absl::StatusOr<std::unique_ptr<ReferenceResults>> ReferenceResults::Open(std::unique_ptr<std::istream> file,
                                                                         std::string name) {
  std::unique_ptr<ReferenceResults> results(new ReferenceResults(std::move(file), std::move(name)));
  if (absl::Status status = results->ReadAll(); !status.ok()) return status;
  return results;
}

absl::Status ReferenceResults::ReadAll() {
  LineReader reader(file_.get(), name_, kMaxResultLineBytes);
  std::string line;
  absl::StatusOr<bool> has_line = reader.Next(&line);
  if (!has_line.ok()) return has_line.status();
  if (!*has_line) return absl::InvalidArgumentError(name_ + ": is empty");
  absl::StatusOr<ResultsHeader> header = ParseHeaderLine(line, reader.place());
  if (!header.ok()) return header.status();
  header_ = *std::move(header);
  while (true) {
    has_line = reader.Next(&line);
    if (!has_line.ok()) return has_line.status();
    if (!*has_line) return absl::OkStatus();
    const absl::StatusOr<TaskResult> result = ParseResultLine(line, reader.place());
    if (!result.ok()) return result.status();
    if (result->status.ok() && result->scores.has_value() != header_.num_top.has_value()) {
      return absl::InvalidArgumentError(reader.place() + ": tokens are there or not, unlike the first line says");
    }
    if (!places_.emplace(result->task_id, Place{reader.offset(), reader.line_number()}).second) {
      return absl::InvalidArgumentError(reader.place() + ": a second result of the task " + result->task_id);
    }
  }
}

absl::Status ReferenceResults::CheckComparable(const std::vector<EvaluationTask>& tasks, const ResultsHeader& own) {
  const auto differs = [this](const std::string& what) {
    return absl::InvalidArgumentError(name_ + " cannot be compared with: " + what);
  };
  if (own.num_top && !header_.num_top) return differs("it was saved without --prompt-logprobs");
  if (own.max_tokens != header_.max_tokens) {
    return differs("it was saved with --max-tokens " + std::to_string(header_.max_tokens) + ", this run has " +
                   std::to_string(own.max_tokens));
  }
  std::unordered_set<std::string> asked;
  size_t num_missing = 0;
  const EvaluationTask* missing = nullptr;
  for (const EvaluationTask& task : tasks) {
    asked.insert(task.id);
    if (places_.count(task.id) > 0) continue;
    if (num_missing++ == 0) missing = &task;
  }
  int64_t num_surplus = 0, surplus_line = 0;
  for (const auto& [id, place] : places_) {
    if (asked.count(id) > 0) continue;
    if (num_surplus++ == 0 || place.line < surplus_line) surplus_line = place.line;
  }
  if (num_missing == 0 && num_surplus == 0) return absl::OkStatus();
  std::string what = "the tasks are not the same (files, --family and --limit have to be)";
  if (missing != nullptr) {
    what += "; it lacks " + std::to_string(num_missing) + " of " + std::to_string(tasks.size()) +
            ", the first at line " + std::to_string(missing->line) + " (" + missing->family + ")";
  }
  if (num_surplus > 0) {
    what +=
        "; it has " + std::to_string(num_surplus) + " others, the first at its line " + std::to_string(surplus_line);
  }
  return differs(what);
}

absl::StatusOr<TaskResult> ReferenceResults::Read(const std::string& task_id) {
  const auto found = places_.find(task_id);
  if (found == places_.end()) return absl::NotFoundError(name_ + ": no result of the task " + task_id);
  file_->clear();
  file_->seekg(static_cast<std::streamoff>(found->second.offset));
  LineReader reader(file_.get(), name_, kMaxResultLineBytes);
  std::string line;
  const absl::StatusOr<bool> has_line = reader.Next(&line);
  if (!has_line.ok()) return has_line.status();
  absl::StatusOr<TaskResult> result = ParseResultLine(line, name_ + " line " + std::to_string(found->second.line));
  if (result.ok() && result->task_id != task_id) return absl::InvalidArgumentError(name_ + " has changed meanwhile");
  return result;
}

}  // namespace foregate
