// Ids for tool calls that the model gave none.
#ifndef FOREGATE_SERVER_GENERATION_TOOL_CALL_ID_H_
#define FOREGATE_SERVER_GENERATION_TOOL_CALL_ID_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace foregate {

// Nine letters and digits, the one form that every published template accepts when the call comes back in a later
// prompt (Mistral's refuse any other). Equal arguments give equal ids; others collide once in 2^53.
std::string MakeToolCallId(std::string_view request_id, int32_t sample, int32_t index);

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_TOOL_CALL_ID_H_
