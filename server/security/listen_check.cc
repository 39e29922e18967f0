#include "server/security/listen_check.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace foregate {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;
using Certificate = std::unique_ptr<X509, X509Deleter>;
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;

absl::Status CannotOpen(const std::string& file) {
  return absl::InvalidArgumentError(file + ": " + std::strerror(errno));
}

absl::Status ReadCertificate(const std::string& path, Certificate* certificate) {
  const File file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return CannotOpen(path);
  certificate->reset(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return *certificate != nullptr ? absl::OkStatus() : absl::InvalidArgumentError(path + ": holds no PEM certificate");
}

// Never asks for a passphrase on a terminal: an encrypted key counts as unreadable.
int NoPassphrase(char*, int, int, void*) { return 0; }

}  // namespace

absl::Status CheckTlsFiles(const std::string& cert_file, const std::string& key_file,
                           const std::string& client_ca_file) {
  Certificate certificate;
  if (absl::Status status = ReadCertificate(cert_file, &certificate); !status.ok()) return status;
  const File file(std::fopen(key_file.c_str(), "re"));
  if (file == nullptr) return CannotOpen(key_file);
  const Key key(PEM_read_PrivateKey(file.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) return absl::InvalidArgumentError(key_file + ": holds no PEM private key without passphrase");
  const bool is_pair = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!is_pair) return absl::InvalidArgumentError(key_file + ": is not the key of " + cert_file);
  if (client_ca_file.empty()) return absl::OkStatus();
  Certificate authority;
  return ReadCertificate(client_ca_file, &authority);
}

absl::Status CheckAddressIsFree(const std::string& field, const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return absl::InvalidArgumentError(field + ": \"" + address + "\" is not host:port");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found); error != 0)
    return absl::UnavailableError(field + ": " + address + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> targets(found, freeaddrinfo);
  absl::Status status;
  for (const addrinfo* target = found; target != nullptr; target = target->ai_next) {
    const int fd = socket(target->ai_family, target->ai_socktype | SOCK_CLOEXEC, target->ai_protocol);
    if (fd < 0) continue;  // a family that this machine lacks
    const int on = 1;
    // As gRPC does: a port whose last connections still linger counts as free.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool is_bound = bind(fd, target->ai_addr, target->ai_addrlen) == 0 && listen(fd, 1) == 0;
    const int reason = errno;
    close(fd);
    if (is_bound) return absl::OkStatus();
    status = absl::UnavailableError(field + ": cannot listen on " + address + ": " + std::strerror(reason));
  }
  return status;
}

}  // namespace foregate
