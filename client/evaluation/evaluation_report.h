// An evaluation's report for people and for programs, and its progress. Pure.
#ifndef FOREGATE_CLIENT_EVALUATION_EVALUATION_REPORT_H_
#define FOREGATE_CLIENT_EVALUATION_EVALUATION_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/evaluation/evaluation_tally.h"
#include "client/evaluation/task_result.h"

namespace foregate {

struct EvaluationReport {
  std::string task_file;
  int64_t num_tasks = 0;
  int64_t num_repeated = 0;
  bool is_whole = true;  // false: it was interrupted
  double seconds = 0;
  ResultsHeader own;
  EvaluationTally tally;
  std::string reference_file;              // with `reference`
  std::optional<ResultsHeader> reference;  // set: compared with
};

// Tables with a line per family, one for all tasks and one for the mean over families.
std::string EvaluationTable(const EvaluationReport& report);

// One line: {"tasks": {"file", "count", "repeated", "failed", "complete"}, "seconds", "run": {"model", "weights",
// "numeric_contract", "server", "max_tokens", "num_top"}, "families": [SCORE, ..], "all": SCORE,
// "mean_family_accuracy", "against": {"file", "run"} or null}. SCORE is {"family" (not in "all"), "answered", "exact",
// "failed", "accuracy", "interval": [low, high], "perplexity": {"answer", "all"}, "against": {"pairs", "unpaired",
// "same_reply", "both", "only_reference", "only_this", "neither", "change", "interval", "answer": TEXT, "all": TEXT}},
// TEXT {"tokens", "perplexity_ratio", "kl_bound", "same_top"}. Shares are of 1; what has no value is null.
std::string EvaluationJson(const EvaluationReport& report);

// What to write as tasks are done: on a terminal a line that is drawn over, elsewhere one line per tenth of the tasks.
// Used from one thread.
class EvaluationProgress {
 public:
  EvaluationProgress(int64_t num_tasks, bool draws) : num_tasks_(num_tasks), draws_(draws) {}

  // After one more task, `seconds` after the start. May be empty.
  std::string Next(bool is_exact, bool has_failed, double seconds);
  // Before other text is written, and at the end: takes a drawn line away. May be empty.
  std::string Clear();

 private:
  std::string Line(double seconds) const;

  const int64_t num_tasks_;
  const bool draws_;
  int64_t num_done_ = 0, num_exact_ = 0, num_failed_ = 0;
  double drawn_at_ = -1;  // seconds; negative: nothing is drawn
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_EVALUATION_REPORT_H_
