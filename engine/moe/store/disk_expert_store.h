// DiskExpertStore: experts in a packed container on a disk, read by threads of its own straight into the slots.
//
// What is not in the page cache is read with direct I/O where the file system takes it (BulkFile). For devices whose
// memory is the host's. Every byte is verified before its expert arrives.
#ifndef FOREGATE_ENGINE_MOE_STORE_DISK_EXPERT_STORE_H_
#define FOREGATE_ENGINE_MOE_STORE_DISK_EXPERT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/bulk_file.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_store.h"
#include "engine/moe/store/fetch_queue.h"
#include "engine/moe/store/stored_experts.h"

namespace foregate {

// Reads bytes of the file from `file_offset` on; several threads at once.
using FileRead = std::function<absl::Status(uint64_t file_offset, std::span<std::byte> destination)>;

struct DiskStoreOptions {
  FetchQueueOptions queue;
  int num_readers = 8;  // requests under way at once
  FileRead read = {};   // instead of reading the file: faults and delays of tests
};

// The engine's thread calls it; its threads read.
class DiskExpertStore : public ExpertStore {
 public:
  // `directory` must outlive the store, and no fetch may be pending when it is destroyed. The errors of BulkFile::Open;
  // INVALID_ARGUMENT naming file and expert when a part does not lie in the file.
  static absl::StatusOr<std::unique_ptr<DiskExpertStore>> Open(const ExpertDirectory& directory, StoredExperts stored,
                                                               const DiskStoreOptions& options);
  ~DiskExpertStore() override;

  absl::Status Begin(ExpertFetch& fetch, Stream& /*stream*/) override {
    queue_.Push(fetch);
    return absl::OkStatus();
  }
  void Raise(ExpertFetch& fetch, FetchClass urgency) override { queue_.Raise(fetch, urgency); }
  bool Cancel(ExpertFetch& fetch) override { return queue_.Cancel(fetch); }
  uint64_t num_ended() const override { return queue_.num_ended(); }
  absl::Status WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point deadline) override {
    return queue_.WaitForEnd(seen, deadline);
  }
  const FetchCounters* counters() const override { return &queue_.counters(); }

 private:
  DiskExpertStore(const ExpertDirectory& directory, StoredExperts stored, std::unique_ptr<BulkFile> file,
                  const DiskStoreOptions& options);
  void ReadPieces();
  absl::Status ReadFile(uint64_t file_offset, std::span<std::byte> destination) const;

  const StoredExperts stored_;
  const std::unique_ptr<BulkFile> file_;
  const FileRead read_;
  FetchQueue queue_;
  std::vector<std::thread> readers_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_DISK_EXPERT_STORE_H_
