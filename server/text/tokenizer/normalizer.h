// The normalizer stage of tokenizer.json: what happens to text before it is cut.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_NORMALIZER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_NORMALIZER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"

namespace foregate {

// Immutable and thread-safe. `text` is well-formed UTF-8 before and after.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual absl::Status Apply(std::string* text) const = 0;
};

// NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, Precompiled, Sequence.
// INVALID_ARGUMENT naming file and component for any other.
absl::StatusOr<std::unique_ptr<const Normalizer>> MakeNormalizer(const JsonNode& json);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_NORMALIZER_H_
