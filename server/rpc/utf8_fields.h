// Whether the text of a request is text. proto3's own parser would refuse the whole message without saying why, which
// gRPC turns into UNIMPLEMENTED; bazel/proto.bzl takes that check out of the generated code, and this one takes its
// place.
#ifndef FOREGATE_SERVER_RPC_UTF8_FIELDS_H_
#define FOREGATE_SERVER_RPC_UTF8_FIELDS_H_

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace foregate {

// INVALID_ARGUMENT naming the first string field that is not UTF-8, and the byte where it stops being it. Every handler
// calls it before it reads a string.
absl::Status CheckUtf8Fields(const google::protobuf::Message& request);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_UTF8_FIELDS_H_
