// A parsed tokenizer.json: its stages in order, and the vocabulary of model and added tokens together.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_PIPELINE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/added_tokens.h"
#include "server/text/tokenizer/decoder.h"
#include "server/text/tokenizer/normalizer.h"
#include "server/text/tokenizer/post_processor.h"
#include "server/text/tokenizer/pre_tokenizer.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {

// Immutable and thread-safe.
class TokenizerPipeline {
 public:
  static absl::StatusOr<std::unique_ptr<const TokenizerPipeline>> Read(const JsonNode& json);

  // `text` must be well-formed UTF-8.
  absl::StatusOr<std::vector<int32_t>> Encode(std::string_view text, bool parse_special) const;

  const PostProcessor& post_processor() const { return post_processor_; }
  const Decoder& decoder() const { return *decoder_; }
  const TokenModel& model() const { return *model_; }
  const AddedTokens& added_tokens() const { return added_tokens_; }

  struct Token {
    std::string text;      // as the decoder is given it; an added token that is normalized is given as normalized
    std::string prepared;  // what Decoder::Prepare() makes of text
    bool exists = false;
    bool special = false;  // an added token marked so
    bool skipped = false;  // what skip_special_tokens leaves out
  };
  // Null for an id that has no token.
  const Token* FindToken(int32_t id) const;
  size_t size() const { return tokens_.size(); }

 private:
  TokenizerPipeline() = default;
  void IndexTokens();
  absl::Status EncodeSegment(std::string_view text, bool begins_input, bool parse_special,
                             std::vector<int32_t>* ids) const;
  absl::Status EncodeWords(std::string_view text, bool begins_input, std::vector<int32_t>* ids) const;

  std::unique_ptr<const TokenModel> model_;
  AddedTokens added_tokens_;
  std::unique_ptr<const Normalizer> normalizer_;       // may be null
  bool strips_left_ = false;                           // normalizer_ removes blanks at the beginning
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;  // may be null
  bool encodes_bytes_ = false;                         // the model saves pre_tokenizer_ the spelling of bytes
  PostProcessor post_processor_;
  std::unique_ptr<const Decoder> decoder_;
  std::vector<Token> tokens_;  // by id
};

// One decoding in progress: tokens in, certain text out. Not thread-safe; the pipeline must outlive it.
class DecodeStream {
 public:
  explicit DecodeStream(const Decoder& decoder);
  DecodeStream(const DecodeStream&) = delete;
  DecodeStream& operator=(const DecodeStream&) = delete;

  void Push(const TokenizerPipeline::Token& token) { first_->Push(token.prepared, true); }
  void Finish() { first_->Finish(); }
  // The text that became certain since the last call.
  std::string Take();

 private:
  class Collector : public DecodeStage {
   public:
    void Push(std::string_view piece, bool) override { text.append(piece); }
    void Finish() override {}
    std::string text;
  };

  Collector collector_;
  DecodeStages stages_;
  DecodeStage* first_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_PIPELINE_H_
