// ReferenceResults: a results file of another run, looked up by task. Only an index of it is in memory.
#ifndef FOREGATE_CLIENT_EVALUATION_REFERENCE_RESULTS_H_
#define FOREGATE_CLIENT_EVALUATION_REFERENCE_RESULTS_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/evaluation/evaluation_task.h"
#include "client/evaluation/task_result.h"

namespace foregate {

// Used from one thread. The file must not change while it is open.
class ReferenceResults {
 public:
  // Reads and checks every line. `file` can be read twice. INVALID_ARGUMENT naming line and field.
  static absl::StatusOr<std::unique_ptr<ReferenceResults>> Open(std::unique_ptr<std::istream> file, std::string name);

  const std::string& name() const { return name_; }
  const ResultsHeader& header() const { return header_; }

  // INVALID_ARGUMENT that says what differs, unless these are results of exactly these tasks, asked in the same way.
  absl::Status CheckComparable(const std::vector<EvaluationTask>& tasks, const ResultsHeader& own);

  // NOT_FOUND for a task that is not there; INVALID_ARGUMENT when the file has changed.
  absl::StatusOr<TaskResult> Read(const std::string& task_id);

 private:
  struct Place {
    uint64_t offset = 0;
    int64_t line = 0;
  };

  ReferenceResults(std::unique_ptr<std::istream> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}
  absl::Status ReadAll();

  const std::unique_ptr<std::istream> file_;
  const std::string name_;
  ResultsHeader header_;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_REFERENCE_RESULTS_H_
