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
struct Pieces {
  // One piece, or none when `text` is empty.
  Pieces(std::string text, bool begins_input);

  std::string_view piece(size_t i) const {
    return std::string_view(text).substr(ranges[i].begin, ranges[i].end - ranges[i].begin);
  }

  std::string text;
  std::vector<TextRange> ranges;
  bool begins_input;  // whether the first piece is the beginning of the input (no added token before it)
};

// Immutable and thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual absl::Status Apply(Pieces* pieces) const = 0;
};

// Split, ByteLevel, Digits, Metaspace, Punctuation, Whitespace, WhitespaceSplit, Sequence.
// INVALID_ARGUMENT naming file and component for any other.
absl::StatusOr<std::unique_ptr<const PreTokenizer>> MakePreTokenizer(const JsonNode& json);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_PRE_TOKENIZER_H_
