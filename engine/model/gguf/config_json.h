// What the metadata of a GGUF file says about the model, as the config.json of the checkpoint that it was made from.
#ifndef FOREGATE_ENGINE_MODEL_GGUF_CONFIG_JSON_H_
#define FOREGATE_ENGINE_MODEL_GGUF_CONFIG_JSON_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"

namespace foregate {

// By name, of all parts. Must not outlive them.
using GgufTensorMap = std::map<std::string_view, const GgufTensor*>;

// The text for ParseModelConfig. Sizes that older converters did not write come from the tensors' shapes; which layers
// have experts, and whether embeddings are tied, always does. `metadata` is the first part's.
// INVALID_ARGUMENT for what is missing or ill-typed, UNIMPLEMENTED for an architecture or a feature that is not
// supported; each names file and key.
absl::StatusOr<std::string> GgufConfigJson(const GgufHeader& metadata, const GgufTensorMap& tensors);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_GGUF_CONFIG_JSON_H_
