// MemoryExpertStore: every expert in host memory. For devices whose own memory does not hold all: a fetch is one copy
// on the stream of the computation, so it has arrived as soon as it is enqueued.
#ifndef FOREGATE_ENGINE_MOE_STORE_MEMORY_EXPERT_STORE_H_
#define FOREGATE_ENGINE_MOE_STORE_MEMORY_EXPERT_STORE_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/moe/block_pool.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_store.h"

namespace foregate {

// Filled once while a model loads, then constant.
class MemoryExpertStore : public ExpertStore {
 public:
  // `directory` and `device` must outlive the store. RESOURCE_EXHAUSTED when the memory is not to be had.
  static absl::StatusOr<std::unique_ptr<MemoryExpertStore>> Create(const ExpertDirectory& directory, Device& device);

  // The expert's block in host memory, laid out as the directory says.
  void* block(ExpertKey key) const { return blocks_.block(directory_.index(key)); }

  absl::Status Begin(ExpertFetch& fetch, Stream& stream) override;
  void Raise(ExpertFetch& /*fetch*/, FetchClass /*urgency*/) override {}
  bool Cancel(ExpertFetch& /*fetch*/) override { return false; }
  uint64_t num_ended() const override { return num_ended_; }
  absl::Status WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point deadline) override;

 private:
  MemoryExpertStore(const ExpertDirectory& directory, Device& device, BlockPool blocks)
      : directory_(directory), device_(device), blocks_(std::move(blocks)) {}
  const ExpertDirectory& directory_;
  Device& device_;
  BlockPool blocks_;
  uint64_t num_ended_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_MEMORY_EXPERT_STORE_H_
