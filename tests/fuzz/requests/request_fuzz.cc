// Any bytes as each of the request messages: the parser refuses or accepts, and what it accepts is within the limits.
// The first byte chooses the message.
#include <cstddef>
#include <cstdint>

#include "foregate/inference/v1/inference.pb.h"
#include "kernels/base/check.h"
#include "server/generation/request_limits.h"
#include "server/generation/status_details.h"
#include "server/rpc/request_parser.h"

namespace foregate {
namespace {

template <typename Request>
void Parse(const uint8_t* data, size_t size) {
  Request request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return;
  const absl::StatusOr<GenerationCall> call = ParseRequest(request);
  if (call.ok()) {
    FOREGATE_CHECK(ValidateCall(*call).ok());
  } else {
    FOREGATE_CHECK(call.status().code() == absl::StatusCode::kInvalidArgument);
    FOREGATE_CHECK(FieldOf(call.status()).has_value());
  }
}

}  // namespace
}  // namespace foregate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 4) {
    case 0:
      foregate::Parse<foregate::inference::v1::GenerateRequest>(data + 1, size - 1);
      break;
    case 1:
      foregate::Parse<foregate::inference::v1::GenerateStreamRequest>(data + 1, size - 1);
      break;
    case 2:
      foregate::Parse<foregate::inference::v1::ChatRequest>(data + 1, size - 1);
      break;
    default:
      foregate::Parse<foregate::inference::v1::ChatStreamRequest>(data + 1, size - 1);
      break;
  }
  return 0;
}
