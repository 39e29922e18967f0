// Pieces of a document shaped as tokenizer.json, for vocabularies that come in other files.
#ifndef FOREGATE_SERVER_TEXT_PIPELINE_DOCUMENT_H_
#define FOREGATE_SERVER_TEXT_PIPELINE_DOCUMENT_H_

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/config_file.h"
#include "server/text/special_tokens.h"

namespace foregate {

// What tokenizer_config.json says about a pipeline. Plain data.
struct PipelineOptions {
  std::string tokenizer_class;  // without a trailing "Fast"; empty when the file names none
  bool add_bos_token = false;   // transformers 5 adds none unless the file says so
  bool add_eos_token = false;
  bool legacy = false;
  bool add_prefix_space = true;

  // INVALID_ARGUMENT naming file and key.
  static absl::StatusOr<PipelineOptions> Read(const ConfigFile& tokenizer_config);
};

nlohmann::json ReplaceStep(std::string_view from, std::string_view to);
nlohmann::json ReplaceRegexStep(std::string_view regex, std::string_view to);
nlohmann::json PrependStep(std::string_view text);
// `key` is the plural under which the stage's kind keeps its steps: "normalizers", "pretokenizers", "decoders".
nlohmann::json SequenceStep(const std::string& key, nlohmann::json steps);

// Names the ids between the vocabulary's end and the last of `tokens.by_id`, so that each token gets its own id.
// INVALID_ARGUMENT naming the id when it is beyond kMaxVocabulary.
absl::Status FillGaps(int32_t vocabulary_size, SpecialTokens* tokens);

// The begin and end tokens around a text, as `options` asks for them. `find_id` knows the vocabulary.
// INVALID_ARGUMENT naming a token that is asked for and has no id.
absl::Status AddPostProcessor(const PipelineOptions& options, const SpecialTokens& tokens,
                              const std::function<std::optional<int32_t>(const std::string&)>& find_id,
                              nlohmann::json* document);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_PIPELINE_DOCUMENT_H_
