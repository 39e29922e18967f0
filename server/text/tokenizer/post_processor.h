// The post-processor stage of tokenizer.json: the special tokens around an encoded text.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_POST_PROCESSOR_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_POST_PROCESSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"

namespace foregate {

// All that every supported post-processor does to the ids of a single text. A value.
struct PostProcessor {
  std::vector<int32_t> prefix;
  std::vector<int32_t> suffix;
};

// ByteLevel (which only moves offsets), TemplateProcessing, BertProcessing, RobertaProcessing, Sequence.
// INVALID_ARGUMENT naming file and component for any other.
absl::StatusOr<PostProcessor> ReadPostProcessor(const JsonNode& json);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_POST_PROCESSOR_H_
