// The pipeline of a vocabulary in the metadata of a GGUF file (tokenizer.ggml.*).
#ifndef FOREGATE_SERVER_TEXT_GGUF_SOURCE_H_
#define FOREGATE_SERVER_TEXT_GGUF_SOURCE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"
#include "server/text/special_tokens.h"

namespace foregate {

// False for a file without tokenizer.ggml.model, or whose model is "none".
bool HasGgufTokenizer(const GgufHeader& header);

// A document shaped as tokenizer.json: the one of the checkpoint, as far as the file tells. tokenizer.ggml.model is
// "gpt2" (byte-level BPE, whose tokenizer.ggml.pre names a known pre-tokenizer) or "llama" (SentencePiece BPE); an
// unknown name is UNIMPLEMENTED and stands in the error. Tokens whose type is control or user-defined become added
// tokens, the control ones special. Begin, end, unknown and padding tokens are added to `tokens`.
// INVALID_ARGUMENT naming file and key for what is missing, ill-typed, not UTF-8 or out of range.
absl::StatusOr<nlohmann::json> GgufTokenizerDocument(const GgufHeader& header, SpecialTokens* tokens);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_GGUF_SOURCE_H_
