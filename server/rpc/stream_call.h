// StreamCall: the reactor of a streaming generation, a thin shell around DeltaBuffer. One write in flight, one end.
// Deletes itself when gRPC is done with it, which is never before the end was asked for.
#ifndef FOREGATE_SERVER_RPC_STREAM_CALL_H_
#define FOREGATE_SERVER_RPC_STREAM_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/cancel_link.h"
#include "server/rpc/delta_buffer.h"
#include "server/rpc/response_writer.h"

namespace foregate {

// Response: GenerateStreamResponse or ChatStreamResponse.
template <typename Response>
class StreamCall final : public grpc::ServerWriteReactor<Response> {
 public:
  // 64 KiB: large enough to be cheap, and what HTTP/2 lets a client's window hold at first.
  static constexpr size_t kMessageBytes = 64 << 10;

  StreamCall(grpc::CallbackServerContext* context, std::unique_ptr<CallTicket> ticket, const RpcLimits& limits)
      : ticket_(std::move(ticket)),
        cancel_link_(std::make_shared<CancelLink>()),
        slow_reader_grace_(limits.slow_reader_grace_ms),
        reset_(std::make_shared<Reset>(context)),
        buffer_(static_cast<size_t>(limits.max_stream_buffer_bytes), kMessageBytes) {}

  const CallTicket& ticket() const { return *ticket_; }
  const std::shared_ptr<CancelLink>& cancel_link() const { return cancel_link_; }

  // DeltaSink's contract; nothing may touch the call after End.
  absl::Status Push(GenerationDelta delta) {
    DeltaBuffer::Next next;
    absl::Status status = buffer_.Push(std::move(delta), &next);
    Perform(std::move(next));
    if (!status.ok()) {
      // The status can leave only after the write in flight, which a reader that reads nothing never lets go.
      give_up_.Set(std::chrono::system_clock::now() + slow_reader_grace_, [reset = reset_](bool due) {
        if (due) reset->Now();
      });
    }
    return status;
  }
  void End(const absl::Status& status, const GenerationSummary& summary) { Perform(buffer_.End(status, summary)); }

 private:
  // Shared with the alarm, which may go off while the call is being deleted.
  class Reset {
   public:
    explicit Reset(grpc::CallbackServerContext* context) : context_(context) {}
    void Now() {
      std::lock_guard<std::mutex> lock(mutex_);
      if (context_ != nullptr) context_->TryCancel();
    }
    void Forget() {
      std::lock_guard<std::mutex> lock(mutex_);
      context_ = nullptr;
    }

   private:
    std::mutex mutex_;
    grpc::CallbackServerContext* context_;  // null once the call is over
  };

  void Perform(DeltaBuffer::Next next) {
    switch (next.kind) {
      case DeltaBuffer::Next::Kind::kNothing:
        return;
      case DeltaBuffer::Next::Kind::kWrite:
        message_.Clear();
        WriteDelta(std::move(next.delta), nullptr, &message_);
        this->StartWrite(&message_);
        return;
      case DeltaBuffer::Next::Kind::kWriteLast:
        message_.Clear();
        WriteDelta(std::move(next.delta), &next.summary, &message_);
        this->StartWriteAndFinish(&message_, grpc::WriteOptions(),
                                  ticket_->Finish(absl::OkStatus(), next.summary.engine));
        return;
      case DeltaBuffer::Next::Kind::kFinish:
        this->Finish(ticket_->Finish(next.status, next.summary.engine));
        return;
    }
  }

  void OnWriteDone(bool ok) override { Perform(buffer_.WriteDone(ok)); }
  void OnCancel() override { cancel_link_->Cancel(ticket_->CancellationReason()); }
  void OnDone() override {
    reset_->Forget();
    delete this;
  }

  const std::unique_ptr<CallTicket> ticket_;
  const std::shared_ptr<CancelLink> cancel_link_;
  const std::chrono::milliseconds slow_reader_grace_;
  const std::shared_ptr<Reset> reset_;
  grpc::Alarm give_up_;
  DeltaBuffer buffer_;
  Response message_;  // the write in flight
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_STREAM_CALL_H_
