// What a SentencePiece model file says: its pieces and how text is prepared for them.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_SENTENCEPIECE_MODEL_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_SENTENCEPIECE_MODEL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate {

// Plain data. Numbers of enumerators are those of the file.
struct SentencePieceModel {
  enum class PieceType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  enum class Algorithm { kUnigram = 1, kBpe = 2, kWord = 3, kCharacter = 4 };

  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::kNormal;
  };

  std::vector<Piece> pieces;  // by id
  Algorithm algorithm = Algorithm::kUnigram;
  bool byte_fallback = false;
  bool whitespace_is_suffix = false;
  int32_t unknown_id = 0;
  int32_t bos_id = 1;  // -1 for none, as the next
  int32_t eos_id = 2;
  int32_t pad_id = -1;
  std::string unknown_piece = "<unk>";
  std::string bos_piece = "<s>";
  std::string eos_piece = "</s>";
  std::string pad_piece = "<pad>";
  std::string charsmap;  // empty for none
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;

  // INVALID_ARGUMENT for what is no such message, has no pieces, more than kMaxVocabulary, a piece that is empty or
  // not UTF-8, an id outside, or an algorithm other than Unigram and BPE.
  static absl::StatusOr<SentencePieceModel> Parse(std::string_view bytes);
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_SENTENCEPIECE_MODEL_H_
