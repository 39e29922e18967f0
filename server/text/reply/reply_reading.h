// Reads replies in tests: whole, cut anywhere, and with the account of every byte.
#ifndef FOREGATE_SERVER_TEXT_REPLY_REPLY_READING_H_
#define FOREGATE_SERVER_TEXT_REPLY_REPLY_READING_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "server/text/reply/reply_format.h"

namespace foregate {

// The sum of a reply's deltas.
struct ReadReply {
  std::string content;
  std::string reasoning;
  std::vector<std::string> calls;  // "name{...}", or "id:name{...}" where there is an id

  bool operator==(const ReadReply&) const = default;
};

std::ostream& operator<<(std::ostream& out, const ReadReply& reply);

// `cuts`: ascending offsets where a piece ends. Fails the test when the parser's own account of the text is not the
// text.
ReadReply ReadCut(std::string_view format, const ReplyContext& context, std::string_view text,
                  const std::vector<size_t>& cuts);

// Reads the text whole; then cut at every byte, byte by byte, and at every pair of bytes up to `pairs_up_to` bytes,
// which must all give the same.
ReadReply ReadEveryWay(std::string_view format, const ReplyContext& context, std::string_view text,
                       size_t pairs_up_to = 90);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_REPLY_READING_H_
