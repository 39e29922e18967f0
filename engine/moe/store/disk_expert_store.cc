#include "engine/moe/store/disk_expert_store.h"

#include <pthread.h>

#include <string>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status CheckParts(const ExpertDirectory& directory, const StoredExperts& stored, uint64_t file_bytes) {
  for (size_t expert = 0; expert < stored.experts.size(); ++expert) {
    for (const StoredPart& part : stored.experts[expert]) {
      if (part.file_offset <= file_bytes && part.padded_bytes() <= file_bytes - part.file_offset) continue;
      return absl::InvalidArgumentError(
          stored.path + ": " + ToString(directory.key(expert)) + ": " + std::to_string(part.padded_bytes()) +
          " bytes at " + std::to_string(part.file_offset) + " do not lie in the file's " + std::to_string(file_bytes));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskExpertStore>> DiskExpertStore::Open(const ExpertDirectory& directory,
                                                                       StoredExperts stored,
                                                                       const DiskStoreOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<BulkFile> file, BulkFile::Open(stored.path));
  FOREGATE_RETURN_IF_ERROR(CheckParts(directory, stored, file->num_bytes()));
  return std::unique_ptr<DiskExpertStore>(new DiskExpertStore(directory, std::move(stored), std::move(file), options));
}

DiskExpertStore::DiskExpertStore(const ExpertDirectory& directory, StoredExperts stored, std::unique_ptr<BulkFile> file,
                                 const DiskStoreOptions& options)
    : stored_(std::move(stored)),
      file_(std::move(file)),
      read_(options.read ? options.read
                         : [this](uint64_t file_offset,
                                  std::span<std::byte> destination) { return ReadFile(file_offset, destination); }),
      queue_(directory, stored_, options.queue) {
  for (int i = 0; i < options.num_readers; ++i) {
    readers_.emplace_back([this] { ReadPieces(); });
    pthread_setname_np(readers_.back().native_handle(), ("expert-read-" + std::to_string(i)).c_str());
  }
}

DiskExpertStore::~DiskExpertStore() {
  queue_.Close();
  for (std::thread& reader : readers_) reader.join();
}

absl::Status DiskExpertStore::ReadFile(uint64_t file_offset, std::span<std::byte> destination) const {
  iovec buffer{destination.data(), destination.size()};
  return file_->Read(file_offset, {&buffer, 1}, file_->PrefersDirect(file_offset, destination.size()));
}

void DiskExpertStore::ReadPieces() {
  while (const std::optional<ReadPiece> piece = queue_.Take())
    queue_.Return(*piece, read_(piece->file_offset, {piece->destination, piece->num_bytes}));
}

}  // namespace foregate
