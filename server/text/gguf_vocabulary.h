// The lists of a GGUF file's tokenizer, checked. Untrusted input.
#ifndef FOREGATE_SERVER_TEXT_GGUF_VOCABULARY_H_
#define FOREGATE_SERVER_TEXT_GGUF_VOCABULARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"

namespace foregate {

// Numbers are those of the file.
enum class GgufTokenType : uint8_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

// Views of the header, which must outlive it.
struct GgufVocabulary {
  std::vector<std::string_view> tokens;  // by id; UTF-8, not empty
  std::vector<GgufTokenType> types;      // as many; kNormal where the file has none
  std::vector<float> scores;             // as many, or none
  std::vector<std::string_view> merges;  // UTF-8
  // Ids within the vocabulary.
  std::optional<int32_t> bos, eos, unknown, padding;

  static absl::StatusOr<GgufVocabulary> Read(const GgufHeader& header);
};

// "FILE: metadata "KEY": WHAT".
absl::Status GgufKeyError(const GgufHeader& header, std::string_view key, const std::string& what);
// Nothing when the key is absent; INVALID_ARGUMENT when it is something else.
absl::StatusOr<std::optional<std::string>> GgufText(const GgufHeader& header, std::string_view key);
absl::StatusOr<std::optional<bool>> GgufBool(const GgufHeader& header, std::string_view key);
// An id of a vocabulary of `size`; absent, -1 and 2^32 - 1 mean none.
absl::StatusOr<std::optional<int32_t>> GgufTokenId(const GgufHeader& header, std::string_view key, size_t size);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_GGUF_VOCABULARY_H_
