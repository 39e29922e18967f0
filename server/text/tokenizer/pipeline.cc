#include "server/text/tokenizer/pipeline.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/unicode_class.h"

namespace foregate {
namespace {

// Whether a normalizer that MakeNormalizer() took removes the blanks at the beginning of a text.
bool StripsLeft(const nlohmann::json& normalizer) {
  const auto is = [&](const char* key, const nlohmann::json& value) {
    const auto member = normalizer.find(key);
    return member != normalizer.end() && *member == value;
  };
  if (is("type", "Sequence")) return std::ranges::any_of(*normalizer.find("normalizers"), StripsLeft);
  return is("type", "Strip") && !is("strip_left", false);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const TokenizerPipeline>> TokenizerPipeline::Read(const JsonNode& json) {
  std::unique_ptr<TokenizerPipeline> pipeline(new TokenizerPipeline());
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode model, json.Child("model"));
  FOREGATE_ASSIGN_OR_RETURN(pipeline->model_, MakeTokenModel(model));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> normalizer, json.OptionalChild("normalizer"));
  if (normalizer.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(pipeline->normalizer_, MakeNormalizer(*normalizer));
    pipeline->strips_left_ = StripsLeft(normalizer->value());
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> added, json.OptionalChild("added_tokens"));
  std::vector<JsonNode> added_entries;
  if (added.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(added_entries, added->AsArray());
  }
  FOREGATE_ASSIGN_OR_RETURN(pipeline->added_tokens_,
                            AddedTokens::Read(added_entries, *pipeline->model_, pipeline->normalizer_.get()));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> pre_tokenizer, json.OptionalChild("pre_tokenizer"));
  if (pre_tokenizer.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(pipeline->pre_tokenizer_, MakePreTokenizer(*pre_tokenizer));
    pipeline->encodes_bytes_ = pipeline->pre_tokenizer_->spells_bytes() && pipeline->model_->encodes_bytes();
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> post_processor, json.OptionalChild("post_processor"));
  if (post_processor.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(pipeline->post_processor_, ReadPostProcessor(*post_processor));
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> decoder, json.OptionalChild("decoder"));
  pipeline->decoder_ = MakeJoinDecoder();
  if (decoder.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(pipeline->decoder_, MakeDecoder(*decoder));
  }
  pipeline->IndexTokens();
  return pipeline;
}

void TokenizerPipeline::IndexTokens() {
  const std::vector<std::string>& texts = model_->tokens();
  tokens_.resize(texts.size());
  for (size_t id = 0; id < texts.size(); ++id) {
    // A Unigram vocabulary may have one text under several ids; no text is a gap in the ids.
    tokens_[id].text = texts[id];
    tokens_[id].exists = !texts[id].empty() || model_->TokenToId("") == static_cast<int32_t>(id);
  }
  for (const AddedToken& added : added_tokens_.tokens()) {
    if (static_cast<size_t>(added.id) >= tokens_.size()) tokens_.resize(added.id + 1);
    tokens_[added.id] = {added.spelling, "", true, added.special, false};
  }
  for (Token& token : tokens_) {
    token.skipped = added_tokens_.IsSpecialSpelling(token.text);
    token.prepared = token.text;
    decoder_->Prepare(&token.prepared);
  }
}

const TokenizerPipeline::Token* TokenizerPipeline::FindToken(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= tokens_.size() || !tokens_[id].exists) return nullptr;
  return &tokens_[id];
}

absl::StatusOr<std::vector<int32_t>> TokenizerPipeline::Encode(std::string_view text, bool parse_special) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);  // English and code have about 4 bytes a token
  for (const Segment& segment : added_tokens_.Split(text, /*normalized=*/false, parse_special)) {
    if (segment.token_id >= 0) {
      ids.push_back(segment.token_id);
      continue;
    }
    const std::string_view piece = text.substr(segment.begin, segment.end - segment.begin);
    FOREGATE_RETURN_IF_ERROR(EncodeSegment(piece, segment.begin == 0, parse_special, &ids));
  }
  return ids;
}

absl::Status TokenizerPipeline::EncodeSegment(std::string_view text, bool begins_input, bool parse_special,
                                              std::vector<int32_t>* ids) const {
  std::string normalized;
  if (normalizer_ != nullptr) {
    // What follows a blank that was removed is not the beginning of the input to `tokenizers`.
    if (strips_left_ && LeadingSpaceEnd(text) > 0) begins_input = false;
    normalized = text;
    FOREGATE_RETURN_IF_ERROR(normalizer_->Apply(&normalized));
    text = normalized;
  }
  for (const Segment& segment : added_tokens_.Split(text, /*normalized=*/true, parse_special)) {
    if (segment.token_id >= 0) {
      ids->push_back(segment.token_id);
      continue;
    }
    const std::string_view piece = text.substr(segment.begin, segment.end - segment.begin);
    FOREGATE_RETURN_IF_ERROR(EncodeWords(piece, begins_input && segment.begin == 0, ids));
  }
  return absl::OkStatus();
}

absl::Status TokenizerPipeline::EncodeWords(std::string_view text, bool begins_input, std::vector<int32_t>* ids) const {
  Pieces pieces(text, begins_input);
  if (encodes_bytes_) {
    FOREGATE_RETURN_IF_ERROR(pre_tokenizer_->ApplyUnspelled(&pieces));
    for (size_t i = 0; i < pieces.ranges().size(); ++i) {
      FOREGATE_RETURN_IF_ERROR(model_->EncodeBytes(pieces.piece(i), ids));
    }
    return absl::OkStatus();
  }
  if (pre_tokenizer_ != nullptr) FOREGATE_RETURN_IF_ERROR(pre_tokenizer_->Apply(&pieces));
  for (size_t i = 0; i < pieces.ranges().size(); ++i) {
    FOREGATE_RETURN_IF_ERROR(model_->Encode(pieces.piece(i), ids));
  }
  return absl::OkStatus();
}

DecodeStream::DecodeStream(const Decoder& decoder) { first_ = decoder.Start(&collector_, /*prepared=*/true, &stages_); }

std::string DecodeStream::Take() { return std::exchange(collector_.text, std::string()); }

}  // namespace foregate
