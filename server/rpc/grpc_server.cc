#include "server/rpc/grpc_server.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "grpc/grpc.h"
#include "grpc/support/log.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/server_interceptor.h"
#include "kernels/base/status_macros.h"
#include "server/rpc/health_service.h"
#include "server/security/listen_check.h"
#include "server/security/token_verifier.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

constexpr unsigned kCertificateRefreshSeconds = 1;
// gRPC refuses pings that come faster and closes the connection; clients behind NATs ping every 10 s to 30 s.
constexpr int kMinPingIntervalMs = 10'000;
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Callback threads, pollers and the few synchronous calls of reflection and channelz.
constexpr int kMaxThreads = 64;
constexpr size_t kBufferMemoryBytes = 512u << 20;
constexpr int kMaxMetadataBytes = 16 << 10;

// gRPC's own messages join our log. Its errors are mostly about one connection, hence warnings.
void ForwardGrpcLog(gpr_log_func_args* args) {
  Log(args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarn : LogLevel::kDebug,
      std::string("grpc: ") + args->message);
}

bool IsIntrospection(std::string_view method) {
  return method.starts_with("/grpc.reflection.") || method.starts_with("/grpc.channelz.");
}

// Cancels calls of reflection and channelz that bring no valid token. gRPC's plugins offer no other way in on a
// plaintext listener.
class IntrospectionGuard final : public grpc::experimental::Interceptor {
 public:
  IntrospectionGuard(grpc::experimental::ServerRpcInfo* info, const TokenVerifier* tokens)
      : info_(info), tokens_(tokens) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      const auto* metadata = methods->GetRecvInitialMetadata();
      const auto found = metadata->find("authorization");
      const std::string_view authorization =
          found == metadata->end() ? std::string_view() : std::string_view(found->second.data(), found->second.size());
      if (!tokens_->Verify(authorization).ok()) info_->server_context()->TryCancel();
    }
    methods->Proceed();
  }

 private:
  grpc::experimental::ServerRpcInfo* const info_;
  const TokenVerifier* const tokens_;
};

class IntrospectionGuardFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit IntrospectionGuardFactory(const TokenVerifier* tokens) : tokens_(tokens) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    return IsIntrospection(info->method()) ? new IntrospectionGuard(info, tokens_) : nullptr;
  }

 private:
  const TokenVerifier* const tokens_;
};

// Plaintext, or TLS whose files are read again when they change.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const config::v1::TlsConfig& tls) {
  if (tls.cert_file().empty()) return grpc::InsecureServerCredentials();
  FOREGATE_RETURN_IF_ERROR(CheckTlsFiles(tls.cert_file(), tls.key_file(), tls.client_ca_file()));
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.key_file(), tls.cert_file(), tls.client_ca_file(), kCertificateRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(std::move(provider));
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca_file().empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  } else {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

void Configure(const ServerConfig& config, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(static_cast<int>(config.limits().max_request_bytes()));
  builder->SetMaxSendMessageSize(static_cast<int>(config.limits().max_response_bytes()));
  // A second daemon on the same port must fail, not share it.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  grpc::ResourceQuota quota("foregate");
  quota.SetMaxThreads(kMaxThreads);
  quota.Resize(kBufferMemoryBytes);
  builder->SetResourceQuota(quota);
}

struct Listener {
  std::string address;
  std::unique_ptr<HealthService> health;
  std::unique_ptr<grpc::Server> server;
};

absl::StatusOr<Listener> Open(const std::string& name, const std::string& address, const config::v1::TlsConfig& tls,
                              bool needs_token, const ListenerServices& services, grpc::ServerBuilder* builder) {
  FOREGATE_RETURN_IF_ERROR(CheckAddressIsFree(name + ".address", address));
  auto credentials = MakeCredentials(tls);
  if (!credentials.ok())
    return absl::Status(credentials.status().code(), name + ".tls: " + std::string(credentials.status().message()));
  int port = 0;
  builder->AddListeningPort(address, *credentials, &port);
  Listener listener;
  listener.health = HealthService::Create(services.names);
  builder->RegisterService(listener.health->service());
  for (grpc::Service* service : services.services) builder->RegisterService(service);
  if (needs_token) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> guards;
    guards.push_back(std::make_unique<IntrospectionGuardFactory>(services.tokens));
    builder->experimental().SetInterceptorCreators(std::move(guards));
  }
  listener.server = builder->BuildAndStart();
  if (listener.server == nullptr || port == 0)
    return absl::UnavailableError(name + ".address: cannot listen on " + address);
  listener.address = address.substr(0, address.rfind(':') + 1) + std::to_string(port);
  return listener;
}

class GrpcServersImpl final : public GrpcServers {
 public:
  GrpcServersImpl(Listener data, Listener admin) : data_(std::move(data)), admin_(std::move(admin)) {}
  ~GrpcServersImpl() override { Shutdown(std::chrono::milliseconds(0)); }

  const std::string& data_address() const override { return data_.address; }
  const std::string& admin_address() const override { return admin_.address; }

  void SetServing(bool is_serving) override {
    data_.health->SetServing(is_serving);
    admin_.health->SetServing(is_serving);
  }

  void Shutdown(std::chrono::milliseconds grace) override {
    for (Listener* listener : {&data_, &admin_}) {
      if (listener->server == nullptr) continue;
      listener->health->Shutdown();
      listener->server->Shutdown(std::chrono::system_clock::now() + grace);
      listener->server.reset();
    }
  }

 private:
  Listener data_;
  Listener admin_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServers>> GrpcServers::Start(const ServerConfig& config,
                                                                const ListenerServices& data,
                                                                const ListenerServices& admin) {
  gpr_set_log_function(ForwardGrpcLog);
  // A builder copies the process's plugins when it is made: channelz, added after the data builder, is on admin only.
  grpc::ServerBuilder data_builder;
  grpc::channelz::experimental::InitChannelzService();
  grpc::ServerBuilder admin_builder;
  Configure(config, &data_builder);
  Configure(config, &admin_builder);
  if (config.listen().max_connection_age_ms() > 0) {
    data_builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                                    static_cast<int>(config.listen().max_connection_age_ms()));
    data_builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                                    static_cast<int>(config.listen().max_connection_age_grace_ms()));
  }
  FOREGATE_ASSIGN_OR_RETURN(Listener data_listener, Open("listen", config.listen().address(), config.listen().tls(),
                                                         !config.listen().token_file().empty(), data, &data_builder));
  FOREGATE_ASSIGN_OR_RETURN(Listener admin_listener, Open("admin", config.admin().address(), config.admin().tls(),
                                                          !config.admin().token_file().empty(), admin, &admin_builder));
  return std::make_unique<GrpcServersImpl>(std::move(data_listener), std::move(admin_listener));
}

}  // namespace foregate
