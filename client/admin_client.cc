#include "client/admin_client.h"

#include <utility>

#include "client/connection.h"
#include "foregate/admin/v1/admin.grpc.pb.h"

namespace foregate {

struct AdminClient::Stubs {
  std::unique_ptr<internal::Connection> connection;
  std::unique_ptr<admin::v1::AdminService::Stub> admin;
};

AdminClient::AdminClient(std::unique_ptr<Stubs> stubs) : stubs_(std::move(stubs)) {}
AdminClient::~AdminClient() = default;

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Connect(ClientOptions options) {
  auto connection = internal::Connection::Open(std::move(options));
  if (!connection.ok()) return connection.status();
  auto stubs = std::make_unique<Stubs>();
  stubs->admin = admin::v1::AdminService::NewStub((*connection)->channel());
  stubs->connection = *std::move(connection);
  return std::unique_ptr<AdminClient>(new AdminClient(std::move(stubs)));
}

absl::Status AdminClient::Drain(std::optional<std::chrono::milliseconds> timeout,
                                const std::function<void(const admin::v1::DrainResponse&)>& on_progress,
                                const CallOptions& call) {
  admin::v1::DrainRequest request;
  if (timeout) request.set_timeout_ms(timeout->count());
  // Not repeated: a second attempt would start the timeout over.
  return stubs_->connection->Call(
      call,
      [&](grpc::ClientContext* context) {
        const auto reader = stubs_->admin->Drain(context, request);
        admin::v1::DrainResponse response;
        while (reader->Read(&response)) on_progress(response);
        return reader->Finish();
      },
      [] { return false; });
}

absl::Status AdminClient::Abort(const std::string& request_id, const CallOptions& call) {
  admin::v1::AbortRequest request;
  request.set_request_id(request_id);
  return stubs_->connection->Call(call, [&](grpc::ClientContext* context) {
    admin::v1::AbortResponse response;
    return stubs_->admin->Abort(context, request, &response);
  });
}

absl::Status AdminClient::StartRouteTrace(std::optional<int64_t> max_bytes, admin::v1::RouteTraceFormat format,
                                          const CallOptions& call) {
  admin::v1::StartRouteTraceRequest request;
  if (max_bytes) request.set_max_bytes(*max_bytes);
  request.set_format(format);
  admin::v1::StartRouteTraceResponse response;
  absl::Status status = stubs_->connection->Call(
      call, [&](grpc::ClientContext* context) { return stubs_->admin->StartRouteTrace(context, request, &response); });
  if (!status.ok() || format != admin::v1::ROUTE_TRACE_FORMAT_COMPACT || response.format() == format) return status;
  status = StopRouteTrace([](const std::string& /*bytes*/) {}, call).status();
  if (!status.ok()) return status;
  return absl::UnimplementedError("this server records routing traces as CSV only (trace start, trace stop)");
}

absl::StatusOr<bool> AdminClient::StopRouteTrace(const std::function<void(const std::string&)>& on_bytes,
                                                 const CallOptions& call) {
  bool truncated = false;
  // Not repeated: the trace is gone once the server has begun to send it.
  absl::Status status = stubs_->connection->Call(
      call,
      [&](grpc::ClientContext* context) {
        const auto reader = stubs_->admin->StopRouteTrace(context, admin::v1::StopRouteTraceRequest());
        admin::v1::StopRouteTraceResponse response;
        while (reader->Read(&response)) {
          on_bytes(response.csv().empty() ? response.trace() : response.csv());
          truncated = truncated || response.truncated();
        }
        return reader->Finish();
      },
      [] { return false; });
  if (!status.ok()) return status;
  return truncated;
}

}  // namespace foregate
