// "Replace every match of a pattern by a text": a normalizer and a decoder of tokenizer.json.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REPLACEMENT_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REPLACEMENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/regex.h"

namespace foregate {

// {"String": S} or {"Regex": R}. INVALID_ARGUMENT naming file and key.
absl::StatusOr<std::unique_ptr<const Regex>> ReadPattern(const JsonNode& pattern);

// Immutable and thread-safe.
class Replacement {
 public:
  // From the keys "pattern" and "content" of `json`.
  static absl::StatusOr<Replacement> Read(const JsonNode& json);

  absl::Status Apply(std::string* text) const;

 private:
  std::unique_ptr<const Regex> pattern_;
  std::string content_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REPLACEMENT_H_
