// The pipeline of a checkpoint whose vocabulary is a SentencePiece model (tokenizer.model).
#ifndef FOREGATE_SERVER_TEXT_SENTENCEPIECE_SOURCE_H_
#define FOREGATE_SERVER_TEXT_SENTENCEPIECE_SOURCE_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/text/pipeline_document.h"
#include "server/text/special_tokens.h"
#include "server/text/tokenizer/sentencepiece_model.h"

namespace foregate {

// A document shaped as tokenizer.json. A BPE model under tokenizer_class LlamaTokenizer or GemmaTokenizer gives the
// pipeline that transformers 5 builds for that class. Any other gives what SentencePiece itself does between two
// special tokens, from the model's own settings: its rules (the longest match), its white space, its prefix;
// transformers' conversion without a class forgets the prefix, which the model was trained with.
//
// Control and user-defined pieces become added tokens, always: transformers forgets them where the configuration lists
// additional_special_tokens. A piece that tokens.by_id names otherwise is renamed. Begin,
// end, unknown and padding tokens that `tokens` lacks are added from the model. INVALID_ARGUMENT saying what is wrong.
absl::StatusOr<nlohmann::json> SentencePieceDocument(std::string_view bytes, const PipelineOptions& options,
                                                     SpecialTokens* tokens);

// The same of a model that came from elsewhere, with what SentencePieceModel::Parse promises of pieces and ids.
absl::StatusOr<nlohmann::json> SentencePieceModelDocument(SentencePieceModel model, const PipelineOptions& options,
                                                          SpecialTokens* tokens);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_SENTENCEPIECE_SOURCE_H_
