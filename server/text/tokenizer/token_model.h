// The model stage of a tokenizer: one word in, token ids out. Implemented by bpe_model.h and unigram_model.h.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_TOKEN_MODEL_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_TOKEN_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"

namespace foregate {

// Ids of a vocabulary stay below this, so that a hostile file cannot make us allocate a table for id 2^31 - 1.
inline constexpr int32_t kMaxVocabulary = 1 << 22;

// Immutable and thread-safe.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  // Appends the ids of `word`, well-formed UTF-8. At most O(n log n) in its length.
  // INVALID_ARGUMENT where the vocabulary has no way to spell the word and `tokenizers` refuses it too.
  virtual absl::Status Encode(std::string_view word, std::vector<int32_t>* ids) const = 0;

  // Whether EncodeBytes() works: it encodes the word that the byte-level alphabet would spell `bytes` with, without
  // spelling it.
  virtual bool encodes_bytes() const { return false; }
  virtual absl::Status EncodeBytes(std::string_view, std::vector<int32_t>*) const {
    return absl::UnimplementedError("this model encodes no bytes");
  }

  virtual std::optional<int32_t> TokenToId(std::string_view token) const = 0;
  // Token by id, empty where an id has none.
  virtual const std::vector<std::string>& tokens() const = 0;
  // How many tokens have an id: where `tokenizers` starts to number added tokens.
  virtual size_t num_tokens() const = 0;
};

// From the "model" object of a tokenizer.json. INVALID_ARGUMENT naming file and component for a model that is not
// supported.
absl::StatusOr<std::unique_ptr<const TokenModel>> MakeTokenModel(const JsonNode& json);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_TOKEN_MODEL_H_
