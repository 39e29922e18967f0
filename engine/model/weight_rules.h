// WeightRules: in which format each weight matrix is kept, by the name of its tensor.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_RULES_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_RULES_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/api/weight_matrix.h"

namespace foregate {

// An ordered list of patterns; the first that matches a tensor's name decides. Only matrices that multiply are asked
// about, a tied lm_head by the embedding's name: norms, biases and the embedding stay as they are stored. Immutable.
class WeightRules {
 public:
  // Every matrix as it is stored.
  WeightRules() = default;

  // "stored" (or ""), or the name of a WeightFormat for every matrix but two: routers and pre-gates stay as they are
  // stored, since they choose the experts, and an lm_head is not cut below 8 bits. INVALID_ARGUMENT listing the names
  // otherwise; the formats of GGUF's blocks are kept as stored and cannot be asked for.
  static absl::StatusOr<WeightRules> ForAll(std::string_view format);

  // One rule a line, `PATTERN FORMAT`: `*` matches any characters, FORMAT is as above; # begins a comment. Matrices
  // that no pattern matches stay as they are stored. `where` names the file in errors, which are INVALID_ARGUMENT.
  static absl::StatusOr<WeightRules> Parse(std::string_view text, const std::string& where);

  // `stored`: the format that holds the tensor as it is stored.
  WeightFormat FormatOf(std::string_view tensor_name, WeightFormat stored) const;

 private:
  struct Rule {
    std::string pattern;
    std::optional<WeightFormat> format;  // absent: as stored
  };
  std::vector<Rule> rules_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_RULES_H_
