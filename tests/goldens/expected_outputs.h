// ExpectedOutputs: what transformers computed for one checkpoint of tests/data/models, and the tolerance against it.
//
// Tolerance of a logit: kChain * L * sqrt(K) * 2^-24 * scale, where L is the number of layers, K the longest dot
// product (roundings of a sum of K terms grow like sqrt(K)), scale the largest logit of the row, and kChain = 4 =
// sqrt(16) for the 16 dependent stages of a layer, whose errors add in quadrature (two norms, qkv, rope, scores,
// softmax, values, output, router, gate, up, down, combine, two residuals). Of router scores: the same with their own
// scale.
#ifndef FOREGATE_TESTS_GOLDENS_EXPECTED_OUTPUTS_H_
#define FOREGATE_TESTS_GOLDENS_EXPECTED_OUTPUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/checkpoint.h"

namespace foregate {

using LogitRows = std::vector<std::vector<float>>;

// The largest magnitude of a row.
float RowScale(const std::vector<float>& row);
// Of a logit (or router score) in a row of that scale.
float GoldenTolerance(float scale, int num_layers);

class ExpectedOutputs {
 public:
  // `family`: a folder of tests/data/models. Stops the test program when it cannot be read.
  explicit ExpectedOutputs(const std::string& family);

  const std::string& directory() const { return directory_; }
  size_t num_prompts() const { return json_["prompts"].size(); }
  std::vector<int32_t> prompt(size_t i) const { return json_["prompts"][i]; }
  std::vector<int32_t> greedy(size_t i) const { return json_["greedy"][i]; }
  // First minus second logit at each greedy token.
  std::vector<double> greedy_margin(size_t i) const { return json_["greedy_margin"][i]; }
  LogitRows logits(size_t i) const;  // [tokens, vocab]
  // Scores or logits of the router of model layer `layer`, [tokens, experts].
  LogitRows router_scores(size_t i, int layer) const;
  // The logits by which the experts of model layer `layer` were chosen: those of its pre-gate, or of its router.
  LogitRows choosing_scores(size_t i, int layer) const;
  // Layers from where a pre-gate chooses to where the experts are; 0: no pre-gates.
  int pre_gate_distance() const { return json_.value("pre_gate_distance", 0); }
  std::vector<std::vector<int32_t>> router_ids(size_t i, int layer) const;  // [tokens, top_k]
  // Rows before the first one where a choice's k-th and next score differ by no more than the tolerance: from there on
  // the choice of experts is open. `layers`: the model layers that route.
  size_t num_rows_without_tie(size_t i, const std::vector<int32_t>& layers, int num_layers) const;

 private:
  template <typename T>
  std::vector<std::vector<T>> Read(const std::string& name) const;

  std::string directory_;
  nlohmann::json json_;
  std::unique_ptr<Checkpoint> tensors_;
};

}  // namespace foregate

#endif  // FOREGATE_TESTS_GOLDENS_EXPECTED_OUTPUTS_H_
