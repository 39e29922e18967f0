#include "server/text/tokenizer/splitter.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

struct Part {
  TextRange range;
  bool is_match;
};

// The matches and what lies between them, in order, covering all of `size` bytes.
std::vector<Part> PartsOf(size_t size, const std::vector<TextRange>& matches, bool invert) {
  std::vector<Part> parts;
  size_t position = 0;
  for (const TextRange& match : matches) {
    if (position != match.begin) parts.push_back({{position, match.begin}, invert});
    parts.push_back({match, !invert});
    position = match.end;
  }
  if (position != size) parts.push_back({{position, size}, invert});
  return parts;
}

void JoinWithPrevious(std::vector<Part>* parts) {
  std::vector<Part> joined;
  bool previous_match = false;
  for (const Part& part : *parts) {
    if (part.is_match && !previous_match && !joined.empty()) {
      joined.back().range.end = part.range.end;
    } else {
      joined.push_back(part);
    }
    previous_match = part.is_match;
  }
  *parts = std::move(joined);
}

void JoinWithNext(std::vector<Part>* parts) {
  std::vector<Part> joined;
  bool previous_match = false;
  for (auto part = parts->rbegin(); part != parts->rend(); ++part) {
    if (part->is_match && !previous_match && !joined.empty()) {
      joined.back().range.begin = part->range.begin;
    } else {
      joined.push_back(*part);
    }
    previous_match = part->is_match;
  }
  std::reverse(joined.begin(), joined.end());
  *parts = std::move(joined);
}

void JoinEqual(std::vector<Part>* parts) {
  std::vector<Part> joined;
  for (const Part& part : *parts) {
    if (!joined.empty() && joined.back().is_match == part.is_match) {
      joined.back().range.end = part.range.end;
    } else {
      joined.push_back(part);
    }
  }
  *parts = std::move(joined);
}

}  // namespace

absl::StatusOr<SplitBehavior> ReadSplitBehavior(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string name, json.AsString());
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return json.Error("is a split behavior that is not supported: " + name);
}

MatchFinder MatchCharacters(bool (*is_match)(char32_t)) {
  return [is_match](std::string_view text, std::vector<TextRange>* matches) {
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      if (is_match(NextCodePoint(text, &i))) matches->push_back({begin, i});
    }
    return absl::OkStatus();
  };
}

MatchFinder MatchRegex(std::unique_ptr<const Regex> regex) {
  return [shared = std::shared_ptr<const Regex>(std::move(regex))](
             std::string_view text, std::vector<TextRange>* matches) { return shared->FindAll(text, matches); };
}

absl::Status Splitter::Apply(Pieces* pieces) const {
  std::vector<TextRange> ranges;
  std::vector<TextRange> matches;
  for (size_t i = 0; i < pieces->ranges.size(); ++i) {
    matches.clear();
    FOREGATE_RETURN_IF_ERROR(find_(pieces->piece(i), &matches));
    std::vector<Part> parts = PartsOf(pieces->piece(i).size(), matches, invert_);
    if (behavior_ == SplitBehavior::kMergedWithPrevious) JoinWithPrevious(&parts);
    if (behavior_ == SplitBehavior::kMergedWithNext) JoinWithNext(&parts);
    if (behavior_ == SplitBehavior::kContiguous) JoinEqual(&parts);
    const size_t offset = pieces->ranges[i].begin;
    for (const Part& part : parts) {
      const bool removed = behavior_ == SplitBehavior::kRemoved && part.is_match;
      if (removed || part.range.begin == part.range.end) continue;
      ranges.push_back({offset + part.range.begin, offset + part.range.end});
    }
  }
  pieces->ranges = std::move(ranges);
  return absl::OkStatus();
}

}  // namespace foregate
