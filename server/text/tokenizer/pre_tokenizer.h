// The pre-tokenizer stage of tokenizer.json: cuts text into the words that the model encodes one by one.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_PRE_TOKENIZER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_PRE_TOKENIZER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/regex.h"

namespace foregate {

// A text and the pieces it is cut into: ascending, disjoint, not empty; what no piece covers has been removed.
class Pieces {
 public:
  // One piece, or none when `text` is empty. `text` must outlive this. `begins_input` says whether the first piece is
  // the beginning of the input: no added token and nothing removed before it.
  Pieces(std::string_view text, bool begins_input);
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  std::string_view text() const { return text_; }
  const std::vector<TextRange>& ranges() const { return ranges_; }
  bool begins_input() const { return begins_input_; }
  std::string_view piece(size_t i) const { return text_.substr(ranges_[i].begin, ranges_[i].end - ranges_[i].begin); }

  // Cuts the pieces anew; the text stays.
  void Recut(std::vector<TextRange> ranges);
  // Rewrites each piece by `rewrite(piece, index, out)`, which appends to `out`.
  template <typename Rewrite>
  void RewriteEach(const Rewrite& rewrite) {
    std::string out;
    out.reserve(text_.size() + text_.size() / 2);
    for (size_t i = 0; i < ranges_.size(); ++i) {
      const size_t begin = out.size();
      rewrite(piece(i), i, &out);
      ranges_[i] = {begin, out.size()};
    }
    rewritten_ = std::move(out);
    text_ = rewritten_;
  }

 private:
  std::string_view text_;
  std::string rewritten_;  // what text_ views once a step has rewritten it
  std::vector<TextRange> ranges_;
  bool begins_input_;
};

// Immutable and thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual absl::Status Apply(Pieces* pieces) const = 0;

  // Whether the last thing that happens is the spelling of bytes in the byte-level alphabet. A model that encodes bytes
  // saves it: ApplyUnspelled() leaves it out.
  virtual bool spells_bytes() const { return false; }
  virtual absl::Status ApplyUnspelled(Pieces* pieces) const { return Apply(pieces); }
};

// Split, ByteLevel, Digits, Metaspace, Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit,
// FixedLength, Sequence. INVALID_ARGUMENT naming file and component for any other.
absl::StatusOr<std::unique_ptr<const PreTokenizer>> MakePreTokenizer(const JsonNode& json);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_PRE_TOKENIZER_H_
