// ExpertStore: the source of truth of expert weights, in host memory. Filled once while a model loads, then constant.
//
// Used when the expert cache has fewer slots than the model has experts; otherwise the cache holds the only copy.
// Thread-safe after loading.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_STORE_H_
#define FOREGATE_ENGINE_MOE_EXPERT_STORE_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/moe/block_pool.h"
#include "engine/moe/expert_directory.h"

namespace foregate {

class ExpertStore {
 public:
  // `directory` must outlive the store.
  static absl::StatusOr<std::unique_ptr<ExpertStore>> Create(const ExpertDirectory& directory, Device& device) {
    auto blocks = BlockPool::Create(directory.size(), directory.max_block_bytes(), MemorySpace::kHost, device);
    if (!blocks.ok()) return blocks.status();
    return std::unique_ptr<ExpertStore>(new ExpertStore(directory, *std::move(blocks)));
  }

  // The expert's block in host memory, laid out as the directory says.
  void* block(ExpertKey key) const { return blocks_.block(directory_.index(key)); }

 private:
  ExpertStore(const ExpertDirectory& directory, BlockPool blocks) : directory_(directory), blocks_(std::move(blocks)) {}
  const ExpertDirectory& directory_;
  BlockPool blocks_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_STORE_H_
