// Decoders of older subword models: WordPiece, BPE with an end-of-word suffix, CTC.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_SUBWORD_DECODER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_SUBWORD_DECODER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/decoder.h"

namespace foregate {

// INVALID_ARGUMENT naming file and key.
absl::StatusOr<std::unique_ptr<const Decoder>> MakeWordPieceDecoder(const JsonNode& json);
absl::StatusOr<std::unique_ptr<const Decoder>> MakeSuffixDecoder(const JsonNode& json);
absl::StatusOr<std::unique_ptr<const Decoder>> MakeCtcDecoder(const JsonNode& json);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_SUBWORD_DECODER_H_
