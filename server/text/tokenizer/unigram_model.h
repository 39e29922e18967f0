// The model stage: the segmentation of a word whose tokens have the greatest sum of log probabilities (Kudo 2018).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNIGRAM_MODEL_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNIGRAM_MODEL_H_

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
#include "server/text/tokenizer/byte_trie.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {

// Immutable and thread-safe.
class UnigramModel final : public TokenModel {
 public:
  // From the "model" object: "vocab" is [[token, score], ...], its order the ids; "unk_id" and "byte_fallback" may be
  // absent. Two keys are our own, for pipelines that come from a SentencePiece model: "exact_scores" says that scores
  // need not be read as serde_json reads them (ScoreAsRead), "unmatched" lists ids that no text becomes.
  // INVALID_ARGUMENT naming file and key.
  static absl::StatusOr<std::unique_ptr<const UnigramModel>> Read(const JsonNode& json);

  // One path of the lattice, so O(length x longest token). Neighbouring characters without a token are one unknown
  // token, or their bytes' tokens with byte fallback. INVALID_ARGUMENT where there is such a character and no unk_id.
  absl::Status Encode(std::string_view word, std::vector<int32_t>* ids) const override;

  std::optional<int32_t> TokenToId(std::string_view token) const override;
  const std::vector<std::string>& tokens() const override { return tokens_; }
  size_t num_tokens() const override { return tokens_.size(); }

 private:
  // The best way to cover a word's beginning: its score and last token.
  struct Arrival {
    double score;
    int32_t begin;  // of the last token; -1 when nothing arrives here
    int32_t id;
  };

  UnigramModel() = default;
  absl::Status ReadVocabulary(const std::vector<JsonNode>& entries, bool exact_scores);
  absl::Status ReadFallback(const JsonNode& json);
  absl::Status IndexTokens(const JsonNode& json);
  absl::Status FindBestPath(std::string_view word, Arrival* arrivals) const;
  void AppendPath(std::string_view word, const Arrival* arrivals, std::vector<int32_t>* ids) const;
  void AppendUnknown(std::string_view text, std::vector<int32_t>* ids) const;

  std::vector<std::string> tokens_;
  std::vector<double> scores_;
  std::unordered_map<std::string_view, int32_t> ids_;  // views into tokens_; of equal tokens the last
  ByteTrie trie_;
  double unknown_score_ = 0;
  std::optional<int32_t> unknown_id_;
  std::optional<std::array<int32_t, 256>> byte_tokens_;  // with byte_fallback: id of <0xNN>, -1 for none
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNIGRAM_MODEL_H_
