#include "server/text/tokenizer.h"

#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/pipeline.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// The largest published tokenizer.json has about 33 MB.
constexpr size_t kMaxFileBytes = 512u << 20;

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const TokenizerPipeline> pipeline) : pipeline_(std::move(pipeline)) {}

Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Load(const std::string& path_of_tokenizer_json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string json, ReadWholeFile(path_of_tokenizer_json, kMaxFileBytes));
  return Parse(json, path_of_tokenizer_json);
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Parse(std::string_view json,
                                                                  const std::string& name_for_errors) {
  FOREGATE_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJsonText(json, name_for_errors));
  return FromJson(JsonNode(&document, name_for_errors + ":"));
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::FromJson(const JsonNode& root) {
  FOREGATE_ASSIGN_OR_RETURN(auto pipeline, TokenizerPipeline::Read(root));
  return std::unique_ptr<const Tokenizer>(new Tokenizer(std::move(pipeline)));
}

absl::StatusOr<std::vector<TokenId>> Tokenizer::Encode(std::string_view text, const EncodeOptions& options) const {
  if (const auto offset = FirstInvalidUtf8(text); offset.has_value()) {
    return absl::InvalidArgumentError("text is not UTF-8 at byte " + std::to_string(*offset) + " of " +
                                      std::to_string(text.size()));
  }
  FOREGATE_ASSIGN_OR_RETURN(std::vector<TokenId> ids, pipeline_->Encode(text, options.parse_special_tokens));
  if (options.add_special_tokens) {
    const PostProcessor& around = pipeline_->post_processor();
    ids.insert(ids.begin(), around.prefix.begin(), around.prefix.end());
    ids.insert(ids.end(), around.suffix.begin(), around.suffix.end());
  }
  return ids;
}

absl::StatusOr<std::string> Tokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  DecodeStream stream(pipeline_->decoder());
  for (const TokenId id : ids) {
    const TokenizerPipeline::Token* token = pipeline_->FindToken(id);
    if (token == nullptr) {
      return absl::InvalidArgumentError("token id " + std::to_string(id) + " is not in the vocabulary of " +
                                        std::to_string(vocab_size()));
    }
    if (!skip_special_tokens || !token->skipped) stream.Push(*token);
  }
  stream.Finish();
  return stream.Take();
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(pipeline_->size()); }

std::optional<TokenId> Tokenizer::TokenToId(std::string_view token) const {
  if (const AddedToken* added = pipeline_->added_tokens().Find(token); added != nullptr) return added->id;
  return pipeline_->model().TokenToId(token);
}

bool Tokenizer::IsSpecial(TokenId id) const {
  const TokenizerPipeline::Token* token = pipeline_->FindToken(id);
  return token != nullptr && token->special;
}

std::string Tokenizer::TokenText(TokenId id) const { return Utf8Lossy(TokenBytes(id)); }

std::string Tokenizer::TokenBytes(TokenId id) const {
  const TokenizerPipeline::Token* token = pipeline_->FindToken(id);
  if (token == nullptr) return "";
  std::string bytes = token->text;
  pipeline_->decoder().Respell(&bytes);
  return bytes;
}

}  // namespace foregate
