// Makes tool calls of what a grammar captured. Each gives nothing when the captures are no call: no name, or arguments
// that are not a JSON object.
#ifndef FOREGATE_SERVER_TEXT_REPLY_CALL_BUILDERS_H_
#define FOREGATE_SERVER_TEXT_REPLY_CALL_BUILDERS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/text/reply/reply_format.h"
#include "server/text/reply/reply_grammar.h"
#include "server/text/reply/tool_schema.h"

namespace foregate {

using ReplyToolCalls = std::optional<std::vector<ReplyToolCall>>;

// kBody: {"name", "arguments"} or an array of them. Families say "parameters" for "arguments", "tool_name" for "name",
// wrap both in "function", add an "id"; arguments may be a JSON string that holds the object.
ReplyToolCalls BuildJsonCalls(const std::vector<ReplyCapture>& captures, const ToolSchema& schema);

// kName (the last one counts), kBody: the arguments; kId where there is one.
ReplyToolCalls BuildNamedCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema);

// kName, then kKey and a value for each argument, whose type decides what a bare value is.
ReplyToolCalls BuildKeyedCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema);

// kBody in Python's spelling.
ReplyToolCalls BuildPythonCalls(const std::vector<ReplyCapture>& captures, const ToolSchema& schema);

// One call of one name, if `arguments` is a JSON object.
ReplyToolCalls OneCall(std::string_view id, std::string_view name, std::string_view arguments);

// The last capture of a slot, without white space around it; empty when there is none.
std::string_view CapturedIn(ReplySlot slot, const std::vector<ReplyCapture>& captures);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_CALL_BUILDERS_H_
