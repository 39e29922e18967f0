// Base64 of RFC 4648, section 4: the standard alphabet, padded.
#ifndef FOREGATE_SERVER_TEXT_BASE64_H_
#define FOREGATE_SERVER_TEXT_BASE64_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

// INVALID_ARGUMENT with the offset of what does not belong there; whitespace does not.
absl::StatusOr<std::string> DecodeBase64(std::string_view text);

std::string EncodeBase64(std::string_view bytes);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_BASE64_H_
