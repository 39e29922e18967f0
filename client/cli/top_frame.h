// `foregate top` as text for people and as JSON for programs. Pure.
#ifndef FOREGATE_CLIENT_CLI_TOP_FRAME_H_
#define FOREGATE_CLIENT_CLI_TOP_FRAME_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/cli/top_view.h"

namespace foregate {

struct FrameSize {
  size_t columns = static_cast<size_t>(-1);
  size_t rows = static_cast<size_t>(-1);
};

// Lines without line ends or escape sequences, none longer than `columns` characters, at most `rows` of them: what is
// least important comes last and is left out first.
std::vector<std::string> TopFrame(const TopView& view, FrameSize size);

// One object in one line. "since_start" and "now" hold the same members, counters of that time; "now" is null where
// there is one answer only, and so is every ratio of nothing.
std::string TopJson(const TopView& view);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_TOP_FRAME_H_
