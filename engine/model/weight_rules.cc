#include "engine/model/weight_rules.h"

#include <iterator>
#include <sstream>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Linear in the text for each star, and patterns are short.
bool Matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Absent: as stored.
absl::StatusOr<std::optional<WeightFormat>> ParseFormat(std::string_view name) {
  if (name == "stored") return std::optional<WeightFormat>();
  const std::optional<WeightFormat> format = ParseWeightFormat(name);
  if (format.has_value() && IsMadeOfFloats(*format)) return format;
  if (format.has_value())
    return absl::InvalidArgumentError("\"" + std::string(name) +
                                      "\" is a format of GGUF files, to which weights are not quantized here; matrices "
                                      "that a file stores so are kept with \"stored\"");
  std::string known = "stored";
  for (int i = 0; i < kNumWeightFormats; ++i) {
    const auto listed = static_cast<WeightFormat>(i);
    if (IsMadeOfFloats(listed)) known += std::string(", ") + WeightFormatName(listed);
  }
  return absl::InvalidArgumentError("\"" + std::string(name) + "\" is not a weight format; want one of " + known);
}

}  // namespace

absl::StatusOr<WeightRules> WeightRules::ForAll(std::string_view format) {
  WeightRules rules;
  if (format.empty()) return rules;
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<WeightFormat> parsed, ParseFormat(format));
  if (!parsed.has_value()) return rules;
  const bool is_int4 = parsed == WeightFormat::kInt4G128 || parsed == WeightFormat::kInt4G32;
  // The names of the routers of all families; a shared expert's gate is a router of two.
  for (const char* router :
       {"*.mlp.gate.weight", "*.block_sparse_moe.gate.weight", "*.pre_gate.weight", "*.shared_expert_gate.weight"}) {
    rules.rules_.push_back({router, std::nullopt});
  }
  if (is_int4) {
    rules.rules_.push_back({"lm_head.weight", WeightFormat::kInt8});
    rules.rules_.push_back({"model.embed_tokens.weight", WeightFormat::kInt8});
  }
  rules.rules_.push_back({"*", parsed});
  return rules;
}

absl::StatusOr<WeightRules> WeightRules::Parse(std::string_view text, const std::string& where) {
  WeightRules rules;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream rest(line.substr(0, line.find('#')));
    const std::vector<std::string> words{std::istream_iterator<std::string>(rest), {}};
    if (words.empty()) continue;
    const std::string at = where + ":" + std::to_string(number) + ": ";
    if (words.size() != 2) return absl::InvalidArgumentError(at + "want PATTERN FORMAT");
    const auto format = ParseFormat(words[1]);
    if (!format.ok()) return absl::InvalidArgumentError(at + std::string(format.status().message()));
    rules.rules_.push_back({words[0], *format});
  }
  return rules;
}

WeightFormat WeightRules::FormatOf(std::string_view tensor_name, WeightFormat stored) const {
  for (const Rule& rule : rules_) {
    if (Matches(rule.pattern, tensor_name)) return rule.format.value_or(stored);
  }
  return stored;
}

}  // namespace foregate
