#include "server/text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace foregate {

StopMatcher::StopMatcher(std::vector<std::string> stops, bool include_stop_in_output)
    : stops_(std::move(stops)), include_stop_in_output_(include_stop_in_output) {
  for (const std::string& stop : stops_) max_stop_bytes_ = std::max(max_stop_bytes_, stop.size());
}

StopMatcher::Output StopMatcher::Push(std::string_view text) {
  Output output;
  if (matched_) return output;
  held_.append(text);
  if (const std::optional<Match> match = FindFirst(); match.has_value()) {
    matched_ = true;
    output.matched_stop = match->stop_index;
    const size_t included = include_stop_in_output_ ? stops_[match->stop_index].size() : 0;
    output.emit = held_.substr(0, match->position + included);
    held_.clear();
    return output;
  }
  const size_t certain = held_.size() - HeldSuffixLength();
  output.emit = held_.substr(0, certain);
  held_.erase(0, certain);
  return output;
}

std::string StopMatcher::Finish() { return std::exchange(held_, std::string()); }

std::optional<StopMatcher::Match> StopMatcher::FindFirst() const {
  std::optional<Match> first;
  for (size_t i = 0; i < stops_.size(); ++i) {
    const std::string& stop = stops_[i];
    if (stop.empty()) continue;
    const size_t position = held_.find(stop);
    if (position == std::string::npos) continue;
    const auto key = [&](const Match& match) {
      return std::pair(match.position + stops_[match.stop_index].size(), match.position);
    };
    const Match match{position, i};
    if (!first.has_value() || key(match) < key(*first)) first = match;
  }
  return first;
}

size_t StopMatcher::HeldSuffixLength() const {
  const size_t longest = std::min(held_.size(), max_stop_bytes_ - (max_stop_bytes_ > 0 ? 1 : 0));
  for (size_t length = longest; length > 0; --length) {
    const std::string_view suffix = std::string_view(held_).substr(held_.size() - length);
    const auto could_begin = [&](const std::string& stop) { return stop.size() > length && stop.starts_with(suffix); };
    if (std::any_of(stops_.begin(), stops_.end(), could_begin)) return length;
  }
  return 0;
}

}  // namespace foregate
