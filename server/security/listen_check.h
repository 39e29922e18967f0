// Checks before a listener opens, because gRPC's own failures name neither the file nor the reason.
#ifndef FOREGATE_SERVER_SECURITY_LISTEN_CHECK_H_
#define FOREGATE_SERVER_SECURITY_LISTEN_CHECK_H_

#include <string>

#include "absl/status/status.h"

namespace foregate {

// INVALID_ARGUMENT naming the file when a PEM file cannot be used or the key is not the certificate's. `client_ca_file`
// may be empty.
absl::Status CheckTlsFiles(const std::string& cert_file, const std::string& key_file,
                           const std::string& client_ca_file);

// Binds and lets go again. UNAVAILABLE with `field`, the address and the system's reason. Port 0 is always free.
absl::Status CheckAddressIsFree(const std::string& field, const std::string& address);

}  // namespace foregate

#endif  // FOREGATE_SERVER_SECURITY_LISTEN_CHECK_H_
