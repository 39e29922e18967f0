// What a caller chooses about a connection and about one call. Plain values; no gRPC types.
#ifndef FOREGATE_CLIENT_CLIENT_OPTIONS_H_
#define FOREGATE_CLIENT_CLIENT_OPTIONS_H_

#include <chrono>
#include <string>

#include "client/cancellation.h"

namespace foregate {

struct ClientOptions {
  // host:port of the listener: data for Client, admin for AdminClient.
  std::string address = "127.0.0.1:50051";
  // Encrypt and verify the server. On when any of the three PEM texts is given by a caller who wants TLS.
  bool use_tls = false;
  std::string ca_pem;    // empty: the system's authorities
  std::string cert_pem;  // with key_pem: the client's own certificate, for servers that ask for one
  std::string key_pem;
  // Sent as `authorization: Bearer TOKEN`. Empty: none.
  std::string token;
  // Bound of each call, retries included. Zero: none.
  std::chrono::milliseconds timeout{0};
  // Time that one call may spend waiting between attempts while the server answers UNAVAILABLE. Zero: never retry.
  std::chrono::milliseconds retry_budget{0};
};

struct CallOptions {
  // Name of the request on the server. Empty: the server assigns one.
  std::string request_id;
  // When set, Cancel() on it ends the call with CANCELLED, here and on the server. Must outlive the call.
  Cancellation* cancellation = nullptr;
  // False: UNAVAILABLE is an answer, not a reason to try again.
  bool retry = true;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLIENT_OPTIONS_H_
