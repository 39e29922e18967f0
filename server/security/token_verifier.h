// TokenVerifier: bearer tokens from a file, one a line; blank lines and lines that begin with # are skipped.
//
// Thread-safe. The file is read again when it changes. Comparison takes constant time.
#ifndef FOREGATE_SERVER_SECURITY_TOKEN_VERIFIER_H_
#define FOREGATE_SERVER_SECURITY_TOKEN_VERIFIER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  // OK, or UNAUTHENTICATED saying what is missing. `authorization` is the metadata value ("Bearer TOKEN"), empty when
  // absent. Never says how a wrong token differs.
  virtual absl::Status Verify(std::string_view authorization) const = 0;
};

// INVALID_ARGUMENT naming the file when it cannot be read or holds no token. An empty path gives a verifier that lets
// everyone in.
absl::StatusOr<std::unique_ptr<TokenVerifier>> LoadTokenVerifier(const std::string& path);

}  // namespace foregate

#endif  // FOREGATE_SERVER_SECURITY_TOKEN_VERIFIER_H_
