// Cuts pieces at the matches of a pattern, in the five ways that tokenizer.json knows.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_SPLITTER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_SPLITTER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/pre_tokenizer.h"

namespace foregate {

enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

absl::StatusOr<SplitBehavior> ReadSplitBehavior(const JsonNode& json);

// Appends the matches in `text`, ascending and disjoint.
using MatchFinder = std::function<absl::Status(std::string_view text, std::vector<TextRange>* matches)>;

// Matches every character for which `is_match` holds, one by one.
MatchFinder MatchCharacters(bool (*is_match)(char32_t));
MatchFinder MatchRegex(std::unique_ptr<const Regex> regex);

// With `invert`, what lies between the matches is the match.
class Splitter : public PreTokenizer {
 public:
  Splitter(MatchFinder find, SplitBehavior behavior, bool invert)
      : find_(std::move(find)), behavior_(behavior), invert_(invert) {}

  absl::Status Apply(Pieces* pieces) const override;

 private:
  MatchFinder find_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_SPLITTER_H_
