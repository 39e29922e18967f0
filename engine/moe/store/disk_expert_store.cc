#include "engine/moe/store/disk_expert_store.h"

#include <algorithm>
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

// A demand that comes then waits behind so much of guesses at most.
constexpr uint32_t kMostGuessedBytes = 4u << 20;

uint32_t MostGuessedPieces(const ReadShape& shape) {
  return std::clamp(kMostGuessedBytes / shape.piece_bytes, 1u, static_cast<uint32_t>(std::max(1, shape.depth / 2)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskExpertStore>> DiskExpertStore::Open(const ExpertDirectory& directory,
                                                                       StoredExperts stored,
                                                                       const DiskStoreOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<BulkFile> file, BulkFile::Open(stored.path));
  FOREGATE_RETURN_IF_ERROR(CheckParts(directory, stored, file->num_bytes()));
  const uint64_t first = stored.experts.empty() ? file->num_bytes() : stored.experts.front().front().file_offset;
  const ReadShape shape = options.shape.has_value() ? *options.shape : ProbeReadShape(*file, first, file->num_bytes());
  return std::unique_ptr<DiskExpertStore>(
      new DiskExpertStore(directory, std::move(stored), std::move(file), options, shape));
}

DiskExpertStore::DiskExpertStore(const ExpertDirectory& directory, StoredExperts stored, std::unique_ptr<BulkFile> file,
                                 const DiskStoreOptions& options, const ReadShape& shape)
    : stored_(std::move(stored)),
      file_(std::move(file)),
      options_(options),
      shape_(shape),
      queue_(directory, stored_,
             {.piece_bytes = shape.piece_bytes,
              .max_fetches = options.max_fetches,
              .max_speculative_pieces = MostGuessedPieces(shape)}) {}

DiskExpertStore::~DiskExpertStore() { queue_.Close(); }

void DiskExpertStore::Start(std::span<const std::span<std::byte>> slots) {
  const FileRead read_file = [this](uint64_t file_offset, std::span<std::byte> destination) {
    return ReadFile(file_offset, destination);
  };
  std::string how;
  if (options_.uses_uring && !options_.read) {
    absl::StatusOr<std::unique_ptr<PieceReaders>> readers =
        MakeUringReaders(queue_, *file_, read_file, slots, shape_.depth);
    how = readers.ok() ? "with io_uring" : "by threads (" + std::string(readers.status().message()) + ")";
    if (readers.ok()) readers_ = *std::move(readers);
  } else {
    how = "by threads";
  }
  if (readers_ == nullptr)
    readers_ = MakeThreadReaders(queue_, options_.read ? options_.read : read_file, shape_.depth);
  description_ = stored_.path + ", " + how + ", " + std::to_string(shape_.depth) + " reads of " +
                 std::to_string(shape_.piece_bytes >> 10) + " KiB at once" +
                 (file_->direct_fd() < 0 ? ", through the page cache" : ", direct");
}

absl::Status DiskExpertStore::ReadFile(uint64_t file_offset, std::span<std::byte> destination) const {
  iovec buffer{destination.data(), destination.size()};
  return file_->Read(file_offset, {&buffer, 1}, file_->PrefersDirect(file_offset, destination.size()));
}

}  // namespace foregate
