#include "server/text/tokenizer/splitter.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// A match, or what lies between two.
struct Part {
  TextRange range;
  bool is_match;
};

// The parts of one piece, in order, covering it.
void AppendParts(TextRange piece, const std::vector<TextRange>& matches, bool invert, std::vector<Part>* parts) {
  size_t position = 0;
  for (const TextRange& match : matches) {
    if (position != match.begin) parts->push_back({{piece.begin + position, piece.begin + match.begin}, invert});
    parts->push_back({{piece.begin + match.begin, piece.begin + match.end}, !invert});
    position = match.end;
  }
  if (piece.begin + position != piece.end) parts->push_back({{piece.begin + position, piece.end}, invert});
}

// Each of these appends what it makes of the parts of one piece, of which there is at least one.
void KeepGaps(const std::vector<Part>& parts, std::vector<TextRange>* ranges) {
  for (const Part& part : parts) {
    if (!part.is_match) ranges->push_back(part.range);
  }
}

void KeepAll(const std::vector<Part>& parts, std::vector<TextRange>* ranges) {
  for (const Part& part : parts) ranges->push_back(part.range);
}

void JoinWithPrevious(const std::vector<Part>& parts, std::vector<TextRange>* ranges) {
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0 && parts[i].is_match && !parts[i - 1].is_match) {
      ranges->back().end = parts[i].range.end;
    } else {
      ranges->push_back(parts[i].range);
    }
  }
}

// The mirror image: read from the right, a match joins the part that was read before it unless that is a match.
void JoinWithNext(const std::vector<Part>& parts, std::vector<TextRange>* ranges) {
  const size_t first = ranges->size();
  for (size_t i = parts.size(); i-- > 0;) {
    if (i + 1 < parts.size() && parts[i].is_match && !parts[i + 1].is_match) {
      ranges->back().begin = parts[i].range.begin;
    } else {
      ranges->push_back(parts[i].range);
    }
  }
  std::reverse(ranges->begin() + static_cast<ptrdiff_t>(first), ranges->end());
}

void JoinEqual(const std::vector<Part>& parts, std::vector<TextRange>* ranges) {
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0 && parts[i].is_match == parts[i - 1].is_match) {
      ranges->back().end = parts[i].range.end;
    } else {
      ranges->push_back(parts[i].range);
    }
  }
}

void AppendRanges(const std::vector<Part>& parts, SplitBehavior behavior, std::vector<TextRange>* ranges) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return KeepGaps(parts, ranges);
    case SplitBehavior::kIsolated:
      return KeepAll(parts, ranges);
    case SplitBehavior::kMergedWithPrevious:
      return JoinWithPrevious(parts, ranges);
    case SplitBehavior::kMergedWithNext:
      return JoinWithNext(parts, ranges);
    case SplitBehavior::kContiguous:
      return JoinEqual(parts, ranges);
  }
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
  ranges.reserve(pieces->ranges().size());
  std::vector<TextRange> matches;
  std::vector<Part> parts;
  for (size_t i = 0; i < pieces->ranges().size(); ++i) {
    matches.clear();
    parts.clear();
    FOREGATE_RETURN_IF_ERROR(find_(pieces->piece(i), &matches));
    AppendParts(pieces->ranges()[i], matches, invert_, &parts);
    AppendRanges(parts, behavior_, &ranges);
  }
  // A match may be empty, and a piece may not.
  std::erase_if(ranges, [](const TextRange& range) { return range.begin == range.end; });
  pieces->Recut(std::move(ranges));
  return absl::OkStatus();
}

}  // namespace foregate
