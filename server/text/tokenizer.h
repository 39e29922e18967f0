// Text to token ids and back, exactly as the checkpoint's tokenizer.json says (Hugging Face `tokenizers` 0.23
// semantics).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

using TokenId = int32_t;

struct EncodeOptions {
  // Run the post-processor (a leading BOS and the like). Chat templates write these themselves, so chats turn it off.
  bool add_special_tokens = true;
  // Whether the spelling of a special token inside the text becomes that token; false for text that is not trusted.
  bool parse_special_tokens = true;
};

class JsonNode;
class TokenizerPipeline;

// The chain added tokens -> normalizer -> pre-tokenizer -> model -> post-processor, and the decoder back.
// Immutable after load and thread-safe.
class Tokenizer {
 public:
  // INVALID_ARGUMENT or NOT_FOUND naming the file and the key; a component that we do not know is an error by its name.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Load(const std::string& path_of_tokenizer_json);
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Parse(std::string_view json,
                                                                const std::string& name_for_errors);
  // From the root of a document shaped as tokenizer.json.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> FromJson(const JsonNode& root);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // INVALID_ARGUMENT with the byte offset when text is not UTF-8.
  absl::StatusOr<std::vector<TokenId>> Encode(std::string_view text, const EncodeOptions& options) const;

  // INVALID_ARGUMENT naming the id and the vocabulary size when an id is unknown. Bytes that form no character read
  // as U+FFFD. skip_special_tokens drops the ids of added tokens marked special.
  absl::StatusOr<std::string> Decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // One more than the largest id.
  int32_t vocab_size() const;
  std::optional<TokenId> TokenToId(std::string_view token) const;
  bool IsSpecial(TokenId id) const;

  // How one token alone reads, U+FFFD for partial characters; empty for an unknown id.
  std::string TokenText(TokenId id) const;
  // The raw bytes that the token stands for, which need not be UTF-8; empty for an unknown id.
  std::string TokenBytes(TokenId id) const;

  // For IncrementalDetokenizer: the parsed chain, owned by this tokenizer.
  const TokenizerPipeline& pipeline() const { return *pipeline_; }

 private:
  explicit Tokenizer(std::unique_ptr<const TokenizerPipeline> pipeline);

  std::unique_ptr<const TokenizerPipeline> pipeline_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_H_
