#include "server/text/reply/reply_reading.h"

#include <gtest/gtest.h>

#include "kernels/base/check.h"
#include "server/text/reply/grammar_parser.h"

namespace foregate {
namespace {

void Add(const ReplyDelta& delta, ReadReply* reply) {
  reply->content += delta.content;
  reply->reasoning += delta.reasoning;
  for (const ReplyToolCall& call : delta.tool_calls) {
    reply->calls.push_back((call.id.empty() ? "" : call.id + ":") + call.name + call.arguments);
  }
}

// Content, reasoning, calls and markers, in order, are the text; and the deltas say the same.
void ExpectNothingLost(const std::vector<ReplySegment>& segments, std::string_view text, const ReadReply& reply) {
  std::string all;
  std::string content;
  std::string reasoning;
  size_t num_call_segments = 0;
  for (const ReplySegment& segment : segments) {
    all += segment.text;
    if (segment.kind == ReplySegment::Kind::kContent) content += segment.text;
    if (segment.kind == ReplySegment::Kind::kReasoning) reasoning += segment.text;
    num_call_segments += segment.kind == ReplySegment::Kind::kCall;
  }
  EXPECT_EQ(all, text);
  EXPECT_EQ(content, reply.content);
  EXPECT_EQ(reasoning, reply.reasoning);
  EXPECT_LE(num_call_segments, reply.calls.size());
  EXPECT_EQ(num_call_segments == 0, reply.calls.empty());
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ReadReply& reply) {
  out << "content: <" << reply.content << "> reasoning: <" << reply.reasoning << ">";
  for (const std::string& call : reply.calls) out << " call: <" << call << ">";
  return out;
}

ReadReply ReadCut(std::string_view format, const ReplyContext& context, std::string_view text,
                  const std::vector<size_t>& cuts) {
  const auto found = ReplyFormat::Find(format);
  FOREGATE_CHECK(found.ok());
  const std::unique_ptr<ReplyParser> parser = (*found)->NewParser(context);
  std::vector<ReplySegment> segments;
  static_cast<GrammarParser&>(*parser).TraceTo(&segments);
  ReadReply reply;
  size_t begin = 0;
  for (const size_t cut : cuts) {
    Add(parser->Push(text.substr(begin, cut - begin)), &reply);
    begin = cut;
  }
  Add(parser->Push(text.substr(begin)), &reply);
  Add(parser->Finish(), &reply);
  ExpectNothingLost(segments, text, reply);
  return reply;
}

ReadReply ReadEveryWay(std::string_view format, const ReplyContext& context, std::string_view text,
                       size_t pairs_up_to) {
  const ReadReply whole = ReadCut(format, context, text, {});
  std::vector<size_t> every_byte;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    every_byte.push_back(cut);
    EXPECT_EQ(ReadCut(format, context, text, {cut}), whole) << format << " cut at " << cut << " of <" << text << ">";
    for (size_t second = cut + 1; text.size() <= pairs_up_to && second <= text.size(); ++second) {
      EXPECT_EQ(ReadCut(format, context, text, {cut, second}), whole)
          << format << " cut at " << cut << " and " << second << " of <" << text << ">";
    }
  }
  EXPECT_EQ(ReadCut(format, context, text, every_byte), whole) << format << " byte by byte <" << text << ">";
  return whole;
}

}  // namespace foregate
