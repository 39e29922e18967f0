// TokenizerStream: the reactor that streams a tokenizer's files, one piece at a time and never ahead of the reader.
#ifndef FOREGATE_SERVER_RPC_TOKENIZER_STREAM_H_
#define FOREGATE_SERVER_RPC_TOKENIZER_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "foregate/discovery/v1/discovery.pb.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/serving_state.h"
#include "server/rpc/call_gate.h"
#include "server/text/file_manifest.h"

namespace foregate {

// Deletes itself when gRPC is done with it. Disks are read on text threads.
class TokenizerStream final : public grpc::ServerWriteReactor<discovery::v1::GetTokenizerResponse> {
 public:
  // 256 KiB: 40 messages for a tokenizer of 10 MB, and far below a client's default limit of 4 MiB.
  static constexpr size_t kPieceBytes = 256 << 10;

  TokenizerStream(std::unique_ptr<CallTicket> ticket, TextPool* pool) : ticket_(std::move(ticket)), pool_(pool) {}

  const CallTicket& ticket() const { return *ticket_; }

  // Exactly one of these two. The model has a tokenizer and is held until the call ends.
  void Start(std::shared_ptr<ServedModel> model);
  void Refuse(const absl::Status& status) { End(status); }

 private:
  void End(const absl::Status& status) { Finish(ticket_->Finish(status)); }
  void SendManifest();
  void SendPiece();

  void OnWriteDone(bool ok) override;
  void OnCancel() override { is_cancelled_.store(true); }
  void OnDone() override { delete this; }

  const std::unique_ptr<CallTicket> ticket_;
  TextPool* const pool_;
  std::atomic<bool> is_cancelled_{false};
  std::shared_ptr<ServedModel> model_;
  std::unique_ptr<ManifestReader> reader_;
  discovery::v1::GetTokenizerResponse message_;  // the write in flight
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_TOKENIZER_STREAM_H_
