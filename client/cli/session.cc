#include "client/cli/session.h"

#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "client/call_error.h"
#include "client/cli/exit_code.h"

namespace foregate {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path, const char* flag) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  // Through operator<<: it turns the exception that a directory's file buffer throws into a flag.
  content << file.rdbuf();
  if (!file.is_open() || content.str().empty()) {
    return absl::InvalidArgumentError(std::string(flag) + ": cannot read " + path + ", or it is empty");
  }
  return content.str();
}

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// Reads the files that the flags name.
absl::StatusOr<ClientOptions> MakeOptions(const ConnectionFlags& flags, const std::string& address) {
  ClientOptions options;
  options.address = address;
  options.use_tls = flags.tls;
  options.timeout = Milliseconds(flags.timeout_s);
  options.retry_budget = Milliseconds(flags.retry_s);
  options.token = flags.token;
  const std::pair<const std::string*, std::pair<const char*, std::string*>> files[] = {
      {&flags.token_file, {"--token-file", &options.token}},
      {&flags.tls_ca, {"--tls-ca", &options.ca_pem}},
      {&flags.tls_cert, {"--tls-cert", &options.cert_pem}},
      {&flags.tls_key, {"--tls-key", &options.key_pem}}};
  for (const auto& [path, target] : files) {
    if (path->empty()) continue;
    auto content = ReadFile(*path, target.first);
    if (!content.ok()) return content.status();
    *target.second = *std::move(content);
  }
  if (!flags.token_file.empty()) options.token = options.token.substr(0, options.token.find_first_of("\r\n"));
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Session::Connect() const {
  auto options = MakeOptions(line.connection, line.connection.address);
  if (!options.ok()) return options.status();
  return Client::Connect(*std::move(options));
}

absl::StatusOr<std::unique_ptr<AdminClient>> Session::ConnectAdmin() const {
  auto options = MakeOptions(line.connection, line.connection.admin_address);
  if (!options.ok()) return options.status();
  return AdminClient::Connect(*std::move(options));
}

const std::string& Session::address() const {
  switch (line.command) {
    case Command::kDrain:
    case Command::kAbort:
    case Command::kTraceStart:
    case Command::kTraceStop:
      return line.connection.admin_address;
    default:
      return line.connection.address;
  }
}

std::string Session::TextOrInput() const {
  if (line.text) return *line.text;
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int Session::ReportUsage(const absl::Status& status) const {
  err << "foregate: " << std::string(status.message()) << "\n";
  return kExitUsage;
}

int Session::Report(const absl::Status& status) const {
  if (status.ok()) return kExitOk;
  if (interrupt->happened()) {
    err << "foregate: interrupted; the request was cancelled\n";
    return kExitInterrupted;
  }
  // Without a reason from the server it was gRPC itself that failed: nobody answered.
  const bool unreachable = absl::IsUnavailable(status) && ErrorReason(status).empty();
  err << "foregate: " << (unreachable ? "cannot reach " + address() + ": " : std::string()) << DescribeError(status)
      << "\n";
  return ExitCodeOf(status);
}

}  // namespace foregate
