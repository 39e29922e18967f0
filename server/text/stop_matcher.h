// Finds stop strings in a stream of text, across the borders of its pieces, and never lets one leak.
#ifndef FOREGATE_SERVER_TEXT_STOP_MATCHER_H_
#define FOREGATE_SERVER_TEXT_STOP_MATCHER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foregate {

// The match that is complete first wins, so that the answer does not depend on how the text was cut; among those that
// end together the longest, then the earlier in the list. No part of the winning match is ever emitted before it.
// Not thread-safe.
// Holds back fewer bytes than the longest stop string, plus the piece being pushed.
class StopMatcher {
 public:
  struct Output {
    std::string emit;                    // text that is now certain to be outside every stop string
    std::optional<size_t> matched_stop;  // index into `stops`, set once, by the Push that completes the match
  };

  // Empty stop strings are ignored. With include_stop_in_output the matched string itself is the end of the output.
  StopMatcher(std::vector<std::string> stops, bool include_stop_in_output);

  // After a match every further Push() gives nothing.
  Output Push(std::string_view text);

  // The text still held back, empty after a match. No Push() afterwards.
  std::string Finish();

  bool matched() const { return matched_; }

 private:
  struct Match {
    size_t position;
    size_t stop_index;
  };
  std::optional<Match> FindFirst() const;
  size_t HeldSuffixLength() const;

  std::vector<std::string> stops_;
  bool include_stop_in_output_;
  size_t max_stop_bytes_ = 0;
  bool matched_ = false;
  std::string held_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_STOP_MATCHER_H_
