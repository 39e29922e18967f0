// UnaryCall: the reactor of every call that is answered once. Deletes itself when gRPC is done with it.
#ifndef FOREGATE_SERVER_RPC_UNARY_CALL_H_
#define FOREGATE_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/cancel_link.h"

namespace foregate {

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryCall(std::unique_ptr<CallTicket> ticket)
      : ticket_(std::move(ticket)), cancel_link_(std::make_shared<CancelLink>()) {}

  const CallTicket& ticket() const { return *ticket_; }
  // Outlives the call where a copy is kept.
  const std::shared_ptr<CancelLink>& cancel_link() const { return cancel_link_; }

  // Ends the call; nothing may touch it afterwards. Exactly once.
  void Complete(const absl::Status& status, const RequestSummary& summary = {}) {
    Finish(ticket_->Finish(status, summary));
  }

 private:
  void OnCancel() override { cancel_link_->Cancel(ticket_->CancellationReason()); }
  void OnDone() override { delete this; }

  const std::unique_ptr<CallTicket> ticket_;
  const std::shared_ptr<CancelLink> cancel_link_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_UNARY_CALL_H_
