#include "server/text/tokenizer/sentencepiece_model.h"

#include <bit>
#include <cmath>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/token_model.h"
#include "server/text/tokenizer/wire_reader.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

using Model = SentencePieceModel;

// Whoever writes a longer piece does not mean text.
constexpr size_t kMaxPieceBytes = 4096;

absl::StatusOr<Model::Piece> ReadPiece(std::string_view bytes) {
  Model::Piece piece;
  WireReader reader(bytes);
  WireReader::Field field;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool more, reader.Next(&field));
    if (!more) break;
    if (field.IsBytes(1)) piece.text = field.bytes;
    if (field.number == 2 && field.type == WireReader::Type::kFixed32) {
      piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    }
    if (field.IsVarint(3)) {
      if (field.value < 1 || field.value > 6) return absl::InvalidArgumentError("unknown type of piece");
      piece.type = static_cast<Model::PieceType>(field.value);
    }
  }
  if (piece.text.empty()) return absl::InvalidArgumentError("is empty");
  if (piece.text.size() > kMaxPieceBytes) return absl::InvalidArgumentError("is longer than 4096 bytes");
  if (FirstInvalidUtf8(piece.text).has_value()) return absl::InvalidArgumentError("is not UTF-8");
  if (!std::isfinite(piece.score)) return absl::InvalidArgumentError("has no finite score");
  return piece;
}

absl::Status ReadTrainer(std::string_view bytes, Model* model) {
  WireReader reader(bytes);
  WireReader::Field field;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool more, reader.Next(&field));
    if (!more) return absl::OkStatus();
    if (field.IsVarint(3)) {
      if (field.value < 1 || field.value > 4) return absl::InvalidArgumentError("unknown model_type");
      model->algorithm = static_cast<Model::Algorithm>(field.value);
    }
    if (field.IsVarint(24)) model->whitespace_is_suffix = field.value != 0;
    if (field.IsVarint(35)) model->byte_fallback = field.value != 0;
    if (field.IsVarint(40)) model->unknown_id = static_cast<int32_t>(field.value);
    if (field.IsVarint(41)) model->bos_id = static_cast<int32_t>(field.value);
    if (field.IsVarint(42)) model->eos_id = static_cast<int32_t>(field.value);
    if (field.IsVarint(43)) model->pad_id = static_cast<int32_t>(field.value);
    if (field.IsBytes(45)) model->unknown_piece = field.bytes;
    if (field.IsBytes(46)) model->bos_piece = field.bytes;
    if (field.IsBytes(47)) model->eos_piece = field.bytes;
    if (field.IsBytes(48)) model->pad_piece = field.bytes;
  }
}

absl::Status ReadNormalizer(std::string_view bytes, Model* model) {
  WireReader reader(bytes);
  WireReader::Field field;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool more, reader.Next(&field));
    if (!more) return absl::OkStatus();
    if (field.IsBytes(2)) model->charsmap = field.bytes;
    if (field.IsVarint(3)) model->add_dummy_prefix = field.value != 0;
    if (field.IsVarint(4)) model->remove_extra_whitespaces = field.value != 0;
    if (field.IsVarint(5)) model->escape_whitespaces = field.value != 0;
  }
}

absl::Status CheckWhole(const Model& model) {
  const auto error = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (model.pieces.empty()) return error("has no pieces");
  if (model.algorithm != Model::Algorithm::kUnigram && model.algorithm != Model::Algorithm::kBpe) {
    return error("is neither a Unigram nor a BPE model");
  }
  const auto size = static_cast<int32_t>(model.pieces.size());
  if (model.unknown_id < 0 || model.unknown_id >= size) return error("has unk_id " + std::to_string(model.unknown_id));
  for (const int32_t id : {model.bos_id, model.eos_id, model.pad_id}) {
    if (id >= size) return error("has special id " + std::to_string(id) + " of " + std::to_string(size) + " pieces");
  }
  for (const std::string* piece : {&model.unknown_piece, &model.bos_piece, &model.eos_piece, &model.pad_piece}) {
    if (FirstInvalidUtf8(*piece).has_value()) return error("has a special piece that is not UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SentencePieceModel> SentencePieceModel::Parse(std::string_view bytes) {
  SentencePieceModel model;
  WireReader reader(bytes);
  WireReader::Field field;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool more, reader.Next(&field));
    if (!more) break;
    if (field.IsBytes(1)) {
      if (model.pieces.size() >= kMaxVocabulary) {
        return absl::InvalidArgumentError("has more than " + std::to_string(kMaxVocabulary) + " pieces");
      }
      absl::StatusOr<Piece> piece = ReadPiece(field.bytes);
      if (!piece.ok()) {
        return absl::InvalidArgumentError("piece " + std::to_string(model.pieces.size()) + " " +
                                          std::string(piece.status().message()));
      }
      model.pieces.push_back(*std::move(piece));
    }
    if (field.IsBytes(2)) FOREGATE_RETURN_IF_ERROR(ReadTrainer(field.bytes, &model));
    if (field.IsBytes(3)) FOREGATE_RETURN_IF_ERROR(ReadNormalizer(field.bytes, &model));
  }
  FOREGATE_RETURN_IF_ERROR(CheckWhole(model));
  return model;
}

}  // namespace foregate
