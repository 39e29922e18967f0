// The model stage: byte-pair encoding of one word by ranked merges (Sennrich et al. 2016, section 3.2).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_BPE_MODEL_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_BPE_MODEL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/merge_table.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {

// Immutable and thread-safe.
class BpeModel final : public TokenModel {
 public:
  // From the "model" object. INVALID_ARGUMENT naming file and key, also for a merge of unknown tokens.
  // Dropout, which is for training, is ignored.
  static absl::StatusOr<std::unique_ptr<const BpeModel>> Read(const JsonNode& json);

  // Characters without a token become byte tokens or the unknown token where the file says so, else nothing.
  absl::Status Encode(std::string_view word, std::vector<int32_t>* ids) const override;

  std::optional<int32_t> TokenToId(std::string_view token) const override;
  const std::vector<std::string>& tokens() const override { return tokens_; }
  size_t num_tokens() const override { return vocabulary_.size(); }

 private:
  struct StringHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  BpeModel() = default;
  absl::Status ReadOptions(const JsonNode& json);
  absl::Status ReadVocabulary(const JsonNode& vocabulary);
  absl::Status ReadMerges(const JsonNode& merges);
  void IndexSymbols();
  int32_t SymbolId(std::string_view character) const;
  void AppendSymbols(std::string_view word, std::vector<int32_t>* symbols) const;

  std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>> vocabulary_;
  std::vector<std::string> tokens_;
  MergeTable merges_;
  std::array<int32_t, 0x800> two_byte_symbols_;  // id by code point below U+0800, -1 for none: the byte-level alphabet
  std::optional<std::array<int32_t, 256>> byte_tokens_;  // with byte_fallback: id of <0xNN>, -1 for none
  std::optional<int32_t> unknown_id_;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_BPE_MODEL_H_
