// The model stage: byte-pair encoding of one word by ranked merges (Sennrich et al. 2016, section 3.2).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_BPE_MODEL_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_BPE_MODEL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/flat_vocabulary.h"
#include "server/text/tokenizer/join_filter.h"
#include "server/text/tokenizer/merge_table.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {

// Immutable and thread-safe; what words became is remembered in the calling thread's WordCache.
class BpeModel final : public TokenModel {
 public:
  // From the "model" object. INVALID_ARGUMENT naming file and key, also for a merge of unknown tokens.
  // Dropout, which is for training, is ignored.
  static absl::StatusOr<std::unique_ptr<const BpeModel>> Read(const JsonNode& json);

  // Characters without a token become byte tokens or the unknown token where the file says so, else nothing.
  // INVALID_ARGUMENT when the file names an unknown token that the vocabulary lacks, and the word needs it.
  absl::Status Encode(std::string_view word, std::vector<int32_t>* ids) const override;
  bool encodes_bytes() const override { return encodes_bytes_; }
  absl::Status EncodeBytes(std::string_view bytes, std::vector<int32_t>* ids) const override;

  std::optional<int32_t> TokenToId(std::string_view token) const override;
  const std::vector<std::string>& tokens() const override { return tokens_; }
  size_t num_tokens() const override { return vocabulary_.size(); }

 private:
  BpeModel() = default;
  absl::Status ReadOptions(const JsonNode& json);
  absl::Status ReadVocabulary(const JsonNode& vocabulary);
  absl::Status ReadMerges(const JsonNode& merges);
  absl::Status AddMerge(const JsonNode& merge, int32_t rank);
  void IndexSymbols();
  void IndexBytes();
  void IndexJoins(std::span<const std::pair<int32_t, int32_t>> merges);
  std::pair<int32_t, int32_t> OuterSymbols(std::string_view token) const;

  int32_t SymbolId(std::string_view character, bool is_first, bool is_last) const;
  bool AppendByteTokens(std::string_view character, std::vector<int32_t>* symbols) const;
  absl::Status AppendSymbols(std::string_view word, std::vector<int32_t>* symbols) const;
  absl::Status EncodeWord(std::string_view word, std::vector<int32_t>* ids) const;
  // Merges symbols[first..], each stretch between places where nothing can join by itself.
  void MergeTail(size_t first, std::vector<int32_t>* symbols) const;

  FlatVocabulary vocabulary_;
  std::vector<std::string> tokens_;
  MergeTable merges_;
  std::vector<std::pair<int32_t, int32_t>> merge_pairs_;  // only while reading
  std::array<int32_t, 0x800> two_byte_symbols_;           // id by code point below U+0800, -1 for none
  std::optional<std::array<int32_t, 256>> byte_tokens_;   // with byte_fallback: id of <0xNN>, -1 for none

  std::string prefix_;  // of a character that continues a word
  std::string suffix_;  // of a character that ends one
  std::optional<std::string> unknown_token_;
  int32_t unknown_id_ = -1;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;

  bool encodes_bytes_ = false;
  std::array<int32_t, 256> byte_symbols_;  // id of the character that spells a byte
  FlatVocabulary bytes_vocabulary_;        // with ignore_merges: tokens by the bytes that they spell

  bool can_cut_ = false;            // whether joins_ is complete
  bool cuts_at_metaspace_ = false;  // nothing ever joins U+2581 to another character before it
  JoinFilter joins_;
  uint64_t text_owner_ = 0;  // in the word cache
  uint64_t bytes_owner_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_BPE_MODEL_H_
