// Results files of `foregate eval --against`.
#include <cmath>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>

#include "client/evaluation/divergence.h"
#include "client/evaluation/evaluation_tally.h"
#include "client/evaluation/reference_results.h"
#include "client/evaluation/task_result.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

// What was read is written, read and written as it was.
void CheckResult(const std::string& line) {
  const absl::StatusOr<TaskResult> result = ParseResultLine(line, "fuzz.jsonl line 1");
  if (!result.ok() || !result->status.ok()) return;  // an error's text grows by its code
  const std::string written = ResultLine(*result);
  const absl::StatusOr<TaskResult> again = ParseResultLine(written, "written");
  FOREGATE_CHECK(again.ok());
  FOREGATE_CHECK(ResultLine(*again) == written);
  EvaluationTally tally;
  tally.Add(*result);
  FOREGATE_CHECK(tally.AddPair(*again, *result).ok());
  if (!result->scores) return;
  for (size_t i = 1; i < result->scores->tokens.size(); ++i) {
    for (size_t k = 1; k < result->scores->tokens.size(); ++k) {
      FOREGATE_CHECK(DivergenceBound(result->scores->tokens[i], result->scores->tokens[k]) >= 0);
    }
    FOREGATE_CHECK(DivergenceBound(result->scores->tokens[i], result->scores->tokens[i]) >= 0);
  }
}

}  // namespace
}  // namespace foregate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto results = foregate::ReferenceResults::Open(std::make_unique<std::istringstream>(input), "fuzz.jsonl");
  if (results.ok()) FOREGATE_CHECK(!foregate::HeaderLine((*results)->header()).empty());
  std::istringstream lines(input);
  for (std::string line; std::getline(lines, line);) foregate::CheckResult(line);
  return 0;
}
