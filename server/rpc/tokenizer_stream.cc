#include "server/rpc/tokenizer_stream.h"

#include <utility>

#include "server/generation/status_details.h"

namespace foregate {

void TokenizerStream::Start(std::shared_ptr<ServedModel> model) {
  model_ = std::move(model);
  reader_ = std::make_unique<ManifestReader>(&model_->tokenizer_files);
  SendManifest();
}

void TokenizerStream::SendManifest() {
  discovery::v1::TokenizerManifest* manifest = message_.mutable_manifest();
  manifest->set_sha256(model_->tokenizer_files.sha256);
  for (const ManifestFile& file : model_->tokenizer_files.files) {
    discovery::v1::TokenizerFile* entry = manifest->add_files();
    entry->set_name(file.name);
    entry->set_size_bytes(file.size_bytes);
    entry->set_sha256(file.sha256);
  }
  StartWrite(&message_);
}

void TokenizerStream::OnWriteDone(bool ok) {
  if (!ok || is_cancelled_.load()) return End(ticket_->CancellationReason());
  pool_->Continue([this] { SendPiece(); });
}

void TokenizerStream::SendPiece() {
  ManifestReader::Piece piece;
  const absl::StatusOr<bool> more = reader_->Next(kPieceBytes, &piece);
  if (!more.ok()) return End(WithReason(more.status(), reason::kTokenizerChanged));
  if (!*more) return End(absl::OkStatus());
  message_.Clear();
  discovery::v1::TokenizerChunk* chunk = message_.mutable_chunk();
  chunk->set_file(piece.file);
  chunk->set_offset(piece.offset);
  chunk->set_data(std::move(piece.data));
  StartWrite(&message_);
}

}  // namespace foregate
