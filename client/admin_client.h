// AdminClient: the C++ SDK for the admin listener of foregated. Thread-safe; calls block like Client's.
#ifndef FOREGATE_CLIENT_ADMIN_CLIENT_H_
#define FOREGATE_CLIENT_ADMIN_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "foregate/admin/v1/admin.pb.h"

namespace foregate {

class AdminClient {
 public:
  static absl::StatusOr<std::unique_ptr<AdminClient>> Connect(ClientOptions options);
  ~AdminClient();

  // Runs until nothing runs on the server. Without `timeout` the server's configured drain timeout holds.
  absl::Status Drain(std::optional<std::chrono::milliseconds> timeout,
                     const std::function<void(const admin::v1::DrainResponse&)>& on_progress,
                     const CallOptions& call = {});
  // NOT_FOUND when no request of that id is running.
  absl::Status Abort(const std::string& request_id, const CallOptions& call = {});
  // UNIMPLEMENTED when the server records CSV only and was asked for another format; nothing is recorded then.
  absl::Status StartRouteTrace(std::optional<int64_t> max_bytes, admin::v1::RouteTraceFormat format,
                               const CallOptions& call = {});
  // Hands over the trace piece by piece, in the format that it was started with. Returns whether it was cut at
  // max_bytes.
  absl::StatusOr<bool> StopRouteTrace(const std::function<void(const std::string&)>& on_bytes,
                                      const CallOptions& call = {});

 private:
  struct Stubs;
  explicit AdminClient(std::unique_ptr<Stubs> stubs);

  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_ADMIN_CLIENT_H_
