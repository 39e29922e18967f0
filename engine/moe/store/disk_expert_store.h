// DiskExpertStore: experts in a packed container on a disk, read by threads of its own straight into the slots.
//
// What is not in the page cache is read with direct I/O where the file system takes it: with io_uring where that is
// permitted, else by a pool of threads. For devices whose memory is the host's. Every byte is verified before its
// expert arrives.
#ifndef FOREGATE_ENGINE_MOE_STORE_DISK_EXPERT_STORE_H_
#define FOREGATE_ENGINE_MOE_STORE_DISK_EXPERT_STORE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/formats/bulk_file.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_store.h"
#include "engine/moe/store/fetch_queue.h"
#include "engine/moe/store/piece_readers.h"
#include "engine/moe/store/read_shape.h"
#include "engine/moe/store/stored_experts.h"

namespace foregate {

struct DiskStoreOptions {
  size_t max_fetches = 0;               // pending at once: the slots
  std::optional<ReadShape> shape = {};  // absent: measured
  bool uses_uring = true;               // where it is permitted
  FileRead read = {};                   // by threads, instead of reading the file: faults and delays of tests
  // For reads under way when the store is stopped; they take milliseconds, tens of them on a busy spinning disk.
  std::chrono::milliseconds stop_grace = std::chrono::seconds(3);
};

// The engine's thread calls it; its threads read.
class DiskExpertStore : public ExpertStore {
 public:
  // The errors of BulkFile::Open; INVALID_ARGUMENT naming file and expert when a part does not lie in the file.
  static absl::StatusOr<std::unique_ptr<DiskExpertStore>> Open(const ExpertDirectory& directory, StoredExperts stored,
                                                               const DiskStoreOptions& options);
  // Of a cache that has stopped it, or with no fetch pending. Readers that still hang in a read are left behind with
  // all that they use.
  ~DiskExpertStore() override;

  // Once, before the first fetch. `slots`: the memory of all destinations, alive as long as fetches are pending.
  void Start(std::span<const std::span<std::byte>> slots);

  absl::Status Begin(ExpertFetch& fetch, Stream& /*stream*/) override {
    reading_->queue.Push(fetch);
    return absl::OkStatus();
  }
  void Raise(ExpertFetch& fetch, FetchClass urgency) override { reading_->queue.Raise(fetch, urgency); }
  bool Cancel(ExpertFetch& fetch) override { return reading_->queue.Cancel(fetch); }
  uint64_t num_ended() const override { return reading_->queue.num_ended(); }
  absl::Status WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point deadline) override {
    return reading_->queue.WaitForEnd(seen, deadline);
  }
  void ReleaseMemory() override {
    if (reading_->readers != nullptr) reading_->readers->ReleaseBuffers();
  }
  bool Stop() override { return reading_->queue.Stop(reading_->options.stop_grace); }
  const FetchCounters* counters() const override { return &reading_->queue.counters(); }
  std::string description() const override { return description_; }
  std::string file() const override { return reading_->stored.path; }

 private:
  // All that the readers reach, so that it can be left behind as one.
  struct Reading {
    Reading(const ExpertDirectory& experts, StoredExperts parts, std::unique_ptr<BulkFile> opened,
            const DiskStoreOptions& chosen, const ReadShape& measured);
    absl::Status Read(uint64_t file_offset, std::span<std::byte> destination) const;

    const ExpertDirectory directory;  // a copy: the model's own ends with it
    const StoredExperts stored;
    const std::unique_ptr<BulkFile> file;
    const DiskStoreOptions options;
    const ReadShape shape;
    FetchQueue queue;
    std::unique_ptr<PieceReaders> readers;
  };

  explicit DiskExpertStore(std::unique_ptr<Reading> reading) : reading_(std::move(reading)) {}

  std::unique_ptr<Reading> reading_;
  std::string description_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_DISK_EXPERT_STORE_H_
