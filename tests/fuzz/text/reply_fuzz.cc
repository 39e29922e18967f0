// A reply in some format: however it is cut, the sum of the deltas is the same, and no byte of it is lost.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/check.h"
#include "server/text/reply/grammar_parser.h"
#include "server/text/reply/reply_format.h"

namespace {

struct Sum {
  std::string content;
  std::string reasoning;
  std::string calls;

  bool operator==(const Sum&) const = default;
};

void Add(const foregate::ReplyDelta& delta, Sum* sum) {
  sum->content += delta.content;
  sum->reasoning += delta.reasoning;
  for (const foregate::ReplyToolCall& call : delta.tool_calls) {
    sum->calls += call.id + '\0' + call.name + '\0' + call.arguments + '\0';
  }
}

// Pieces of `piece_bytes`, each one byte longer than the last if `grows`.
Sum Read(const foregate::ReplyFormat& format, const foregate::ReplyContext& context, std::string_view text,
         size_t piece_bytes, bool grows) {
  const std::unique_ptr<foregate::ReplyParser> parser = format.NewParser(context);
  std::vector<foregate::ReplySegment> segments;
  static_cast<foregate::GrammarParser&>(*parser).TraceTo(&segments);
  Sum sum;
  for (size_t begin = 0; begin < text.size(); begin += piece_bytes, piece_bytes += grows) {
    Add(parser->Push(text.substr(begin, piece_bytes)), &sum);
  }
  Add(parser->Finish(), &sum);
  std::string all;
  for (const foregate::ReplySegment& segment : segments) all += segment.text;
  FOREGATE_CHECK(all == text);
  return sum;
}

}  // namespace

// First byte: the format. Second: bit 0 tools, bit 1 whether the prompt has opened the reasoning, the rest how it is
// cut.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::vector<std::string_view> names = foregate::ReplyFormat::Names();
  const foregate::ReplyFormat& format = **foregate::ReplyFormat::Find(names[data[0] % names.size()]);
  const foregate::ReplyContext context{.prompt_end = (data[1] & 2) != 0 ? "<think>\n" : "",
                                       .has_tools = (data[1] & 1) != 0};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t piece_bytes = 1 + (data[1] >> 2);
  const Sum whole = Read(format, context, text, std::max<size_t>(text.size(), 1), false);
  FOREGATE_CHECK(Read(format, context, text, piece_bytes, false) == whole);
  FOREGATE_CHECK(Read(format, context, text, 1, true) == whole);
  foregate::ReplyFormat::Detect(text);
  return 0;
}
