// What callers may say in metadata, validated: request ids and trace contexts. Pure but for the assigned id.
#ifndef FOREGATE_SERVER_RPC_CALL_METADATA_H_
#define FOREGATE_SERVER_RPC_CALL_METADATA_H_

#include <string>
#include <string_view>

namespace foregate {

// 1 to 128 characters of [A-Za-z0-9._:-].
bool IsRequestId(std::string_view id);

// 128 random bits in hexadecimal.
std::string NewRequestId();

// Has the form of a W3C traceparent, VERSION-TRACE-PARENT-FLAGS in lower-case hexadecimal. Ill-formed ones are dropped,
// as the recommendation asks for.
bool IsTraceparent(std::string_view value);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_CALL_METADATA_H_
