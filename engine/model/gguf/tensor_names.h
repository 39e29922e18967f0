// Which tensors of ours a GGUF tensor holds: one, or one for each expert.
#ifndef FOREGATE_ENGINE_MODEL_GGUF_TENSOR_NAMES_H_
#define FOREGATE_ENGINE_MODEL_GGUF_TENSOR_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"
#include "engine/model/model_config.h"

namespace foregate {

// Consecutive elements of a GGUF tensor that are one tensor of the checkpoint.
struct GgufSlice {
  std::string name;  // as DenseTensors and ExpertTensorName spell it
  std::vector<int64_t> shape;
  uint64_t first_element = 0;
  // Other than 0: the rows of each of so many heads are stored interleaved (0, D/2, 1, D/2 + 1, ...), as llama.cpp
  // wants them for rotary embedding of neighbours, and must be brought back to halves.
  int32_t interleaved_heads = 0;
};

// A tensor with a name that is not known keeps it, so that planning the weights can say that it has no use for it.
// `file` names the source in errors. INVALID_ARGUMENT naming the tensor when its extents do not fit the configuration.
absl::StatusOr<std::vector<GgufSlice>> SlicesOfGgufTensor(const GgufTensor& tensor, const ModelConfig& config,
                                                          const std::string& file);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_GGUF_TENSOR_NAMES_H_
