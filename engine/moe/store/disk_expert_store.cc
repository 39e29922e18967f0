#include "engine/moe/store/disk_expert_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/moe/left_behind.h"
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
  const uint64_t first = stored.experts.empty() ? file->num_bytes() : stored.experts.front().front().file_offset;
  const ReadShape shape = options.shape.has_value() ? *options.shape : ProbeReadShape(*file, first, file->num_bytes());
  return std::unique_ptr<DiskExpertStore>(
      new DiskExpertStore(std::make_unique<Reading>(directory, std::move(stored), std::move(file), options, shape)));
}

DiskExpertStore::Reading::Reading(const ExpertDirectory& experts, StoredExperts parts, std::unique_ptr<BulkFile> opened,
                                  const DiskStoreOptions& chosen, const ReadShape& measured)
    : directory(experts),
      stored(std::move(parts)),
      file(std::move(opened)),
      options(chosen),
      shape(measured),
      queue(directory, stored,
            {.piece_bytes = shape.piece_bytes,
             .max_fetches = options.max_fetches,
             .max_speculative_pieces = static_cast<uint32_t>(shape.guessed_depth())}) {}

DiskExpertStore::~DiskExpertStore() {
  if (reading_->queue.Stop(std::chrono::milliseconds(0))) return;
  if (reading_->readers != nullptr) reading_->readers->Detach();
  LeaveBehind(std::move(reading_));
}

void DiskExpertStore::Start(std::span<const std::span<std::byte>> slots) {
  Reading& reading = *reading_;
  const FileRead read_file = [&reading](uint64_t file_offset, std::span<std::byte> destination) {
    return reading.Read(file_offset, destination);
  };
  std::string how;
  if (reading.options.uses_uring && !reading.options.read) {
    absl::StatusOr<std::unique_ptr<PieceReaders>> readers =
        MakeUringReaders(reading.queue, *reading.file, read_file, slots, reading.shape.depth);
    how = readers.ok() ? "with io_uring" : "by threads (" + std::string(readers.status().message()) + ")";
    if (readers.ok()) reading.readers = *std::move(readers);
  } else {
    how = "by threads";
  }
  if (reading.readers == nullptr)
    reading.readers =
        MakeThreadReaders(reading.queue, reading.options.read ? reading.options.read : read_file, reading.shape.depth);
  description_ = reading.stored.path + ", " + how + ", " + std::to_string(reading.shape.depth) + " reads of " +
                 std::to_string(reading.shape.piece_bytes >> 10) + " KiB at once" +
                 (reading.file->direct_fd() < 0 ? ", through the page cache" : ", direct");
}

absl::Status DiskExpertStore::Reading::Read(uint64_t file_offset, std::span<std::byte> destination) const {
  iovec buffer{destination.data(), destination.size()};
  return file->Read(file_offset, {&buffer, 1}, file->PrefersDirect(file_offset, destination.size()));
}

}  // namespace foregate
