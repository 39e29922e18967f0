// Everything that the metadata of a GGUF file says about text.
#ifndef FOREGATE_SERVER_TEXT_GGUF_TEXT_MODEL_H_
#define FOREGATE_SERVER_TEXT_GGUF_TEXT_MODEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"
#include "server/text/text_model.h"

namespace foregate {

// Tokenizer, chat templates (tokenizer.chat_template and tokenizer.chat_template.NAME), special tokens, sampling
// defaults (general.sampling.*) of a GGUF file, which may be the first part of a split model. Ids that end a
// generation: eos, eot and eom of the file, and control tokens whose text is known to end a turn, because files name
// only one. There are no tokenizer_files: the vocabulary is a part of a file of gigabytes. INVALID_ARGUMENT or
// UNIMPLEMENTED naming file and key.
absl::StatusOr<TextModel> LoadGgufTextModel(const std::string& path);
// The same of a header that was read.
absl::StatusOr<TextModel> ReadGgufTextModel(const GgufHeader& header);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_GGUF_TEXT_MODEL_H_
