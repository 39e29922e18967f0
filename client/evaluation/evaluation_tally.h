// EvaluationTally: what the results of an evaluation add up to. Pure, and its size does not grow with the tasks.
#ifndef FOREGATE_CLIENT_EVALUATION_EVALUATION_TALLY_H_
#define FOREGATE_CLIENT_EVALUATION_EVALUATION_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "client/evaluation/score_statistics.h"
#include "client/evaluation/task_result.h"

namespace foregate {

// Over tokens: of answers alone, or of whole conversations.
struct TextScore {
  int64_t num_tokens = 0;
  double nats = 0;  // sum of what each token's surprise was: -ln of its probability

  // exp of the mean; nothing without tokens.
  std::optional<double> perplexity() const;
};

// Over tokens that two runs have scored.
struct TextComparison {
  int64_t num_tokens = 0;
  double nats = 0;
  double reference_nats = 0;
  double divergence = 0;     // sum of DivergenceBound(reference, this)
  int64_t num_same_top = 0;  // tokens with the same likeliest alternative
  int64_t num_with_top = 0;  // tokens for which both runs name one

  // Perplexity of this over that of the reference; nothing without tokens.
  std::optional<double> perplexity_ratio() const;
  // Nats per token; nothing without tokens.
  std::optional<double> mean_divergence() const;
  std::optional<double> same_top_share() const;
};

// Of one family, or of all.
struct FamilyScore {
  std::string name;
  int64_t num_answered = 0;
  int64_t num_exact = 0;
  int64_t num_failed = 0;  // their requests; not among the answered
  TextScore answer_tokens, all_tokens;

  // Against a reference. A task of which either side failed is in no pair.
  PairedCounts pairs;
  int64_t num_same_reply = 0;
  int64_t num_unpaired = 0;
  TextComparison answer_comparison, all_comparison;

  // Nothing without answers.
  std::optional<double> accuracy() const;
};

// Used from one thread.
class EvaluationTally {
 public:
  void Add(const TaskResult& result);
  // The same task's result in the reference, beside Add(). INVALID_ARGUMENT when both have scored their text, but not
  // the same tokens.
  absl::Status AddPair(const TaskResult& reference, const TaskResult& result);

  // In the order in which they first came.
  const std::vector<FamilyScore>& families() const { return families_; }
  // Every task counts the same (micro).
  FamilyScore overall() const;
  // Every family counts the same (macro); nothing without answers.
  std::optional<double> mean_family_accuracy() const;

 private:
  FamilyScore& Family(const std::string& name);

  std::vector<FamilyScore> families_;
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_EVALUATION_TALLY_H_
