#include "engine/moe/store/memory_expert_store.h"

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<std::unique_ptr<MemoryExpertStore>> MemoryExpertStore::Create(const ExpertDirectory& directory,
                                                                             Device& device) {
  FOREGATE_ASSIGN_OR_RETURN(
      BlockPool blocks, BlockPool::Create(directory.size(), directory.max_block_bytes(), MemorySpace::kHost, device));
  return std::unique_ptr<MemoryExpertStore>(new MemoryExpertStore(directory, device, std::move(blocks)));
}

absl::Status MemoryExpertStore::Begin(ExpertFetch& fetch, Stream& stream) {
  // Bytes as i32: a block is a multiple of 64.
  const auto num_words = static_cast<int64_t>(directory_.layout(fetch.expert).block_bytes() / sizeof(int32_t));
  const TensorView source(blocks_.block(fetch.expert), DType::kI32, {num_words});
  const TensorView destination(fetch.destination, DType::kI32, {num_words});
  fetch.state.store(FetchState::kIdle, std::memory_order_relaxed);
  FOREGATE_RETURN_IF_ERROR(device_.CopyAsync(source, destination, stream));
  fetch.state.store(FetchState::kArrived, std::memory_order_relaxed);
  ++num_ended_;
  return absl::OkStatus();
}

absl::Status MemoryExpertStore::WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point /*deadline*/) {
  // Every fetch ends where it begins: whoever waits for one waits for what never began.
  FOREGATE_CHECK_GT(num_ended_, seen);
  return absl::OkStatus();
}

}  // namespace foregate
