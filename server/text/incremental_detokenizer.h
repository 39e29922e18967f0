// Turns a stream of token ids into a stream of text in which no character is ever split or taken back.
#ifndef FOREGATE_SERVER_TEXT_INCREMENTAL_DETOKENIZER_H_
#define FOREGATE_SERVER_TEXT_INCREMENTAL_DETOKENIZER_H_

#include <memory>
#include <string>

#include "server/text/tokenizer.h"

namespace foregate {

class DecodeStream;

// The concatenation of all Push() results and Finish() equals Tokenizer::Decode() of all ids. Not thread-safe.
// Amortised O(1) a token; holds at most the bytes of one unfinished character (or one run of byte-fallback tokens).
class IncrementalDetokenizer {
 public:
  // The tokenizer must outlive this.
  IncrementalDetokenizer(const Tokenizer* tokenizer, bool skip_special_tokens);
  ~IncrementalDetokenizer();
  IncrementalDetokenizer(IncrementalDetokenizer&&) noexcept;
  IncrementalDetokenizer& operator=(IncrementalDetokenizer&&) noexcept;

  // The text that is now certain; may be empty. An id outside the vocabulary (a padded logits row) reads as nothing.
  std::string Push(TokenId id);

  // The rest, with U+FFFD for bytes that never became a character. No Push() afterwards.
  std::string Finish();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  std::unique_ptr<DecodeStream> stream_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_INCREMENTAL_DETOKENIZER_H_
