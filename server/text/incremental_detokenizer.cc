#include "server/text/incremental_detokenizer.h"

#include "server/text/tokenizer/pipeline.h"

namespace foregate {

IncrementalDetokenizer::IncrementalDetokenizer(const Tokenizer* tokenizer, bool skip_special_tokens)
    : tokenizer_(tokenizer),
      skip_special_tokens_(skip_special_tokens),
      stream_(std::make_unique<DecodeStream>(tokenizer->pipeline().decoder())) {}

IncrementalDetokenizer::~IncrementalDetokenizer() = default;
IncrementalDetokenizer::IncrementalDetokenizer(IncrementalDetokenizer&&) noexcept = default;
IncrementalDetokenizer& IncrementalDetokenizer::operator=(IncrementalDetokenizer&&) noexcept = default;

std::string IncrementalDetokenizer::Push(TokenId id) {
  const TokenizerPipeline::Token* token = tokenizer_->pipeline().FindToken(id);
  if (token == nullptr || (skip_special_tokens_ && token->skipped)) return "";
  stream_->Push(*token);
  return stream_->Take();
}

std::string IncrementalDetokenizer::Finish() {
  stream_->Finish();
  return stream_->Take();
}

}  // namespace foregate
