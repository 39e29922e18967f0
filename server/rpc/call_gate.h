// CallGate: the first thing in every call. Identity, token, admission and deadline before any work; one log line at the
// end, whatever happened between.
#ifndef FOREGATE_SERVER_RPC_CALL_GATE_H_
#define FOREGATE_SERVER_RPC_CALL_GATE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/request/generation_request.h"
#include "server/admission/admission_controller.h"
#include "server/lifecycle/serving_state.h"
#include "server/rpc/data_services.h"
#include "server/telemetry/access_log.h"

namespace grpc {
class CallbackServerContext;
class Status;
}  // namespace grpc

namespace foregate {

// One call's identity and permit. Used by one thread at a time; the permit returns when it is destroyed.
class CallTicket {
 public:
  CallTicket(AccessLog* log, AccessRecord record, SteadyTime arrival);

  // OK when the call may work.
  const absl::Status& admitted() const { return admitted_; }
  const std::string& request_id() const { return record_.request_id; }
  SteadyTime arrival() const { return arrival_; }
  SteadyTime deadline() const { return deadline_; }
  // DEADLINE_EXCEEDED once the caller's time is up.
  absl::Status CheckDeadline() const;
  // Why the call was cancelled: by its deadline, or by the caller's will. A caller's clock starts and ends earlier than
  // ours, so its deadline reaches us as a cancellation shortly before our own notice of it.
  absl::Status CancellationReason() const;

  // Writes the log line and gives the status for the wire. Exactly once.
  grpc::Status Finish(const absl::Status& status, const RequestSummary& summary = {});

 private:
  friend class CallGate;
  AccessLog* const log_;
  AccessRecord record_;
  const SteadyTime arrival_;
  SteadyTime deadline_ = SteadyTime::max();
  absl::Status admitted_;
  AdmissionPermit permit_;
};

// Thread-safe.
class CallGate {
 public:
  explicit CallGate(const RpcDependencies& dependencies) : dependencies_(dependencies) {}

  // `method` is the full name, "/foregate.inference.v1.InferenceService/Generate". Sets the initial metadata.
  std::unique_ptr<CallTicket> Enter(grpc::CallbackServerContext* context, const char* method) const;

  // The model for new work, or UNAVAILABLE with the reason and when to try again.
  absl::StatusOr<std::shared_ptr<ServedModel>> ReadyModel() const;

  const RpcDependencies& dependencies() const { return dependencies_; }

 private:
  const RpcDependencies dependencies_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_CALL_GATE_H_
