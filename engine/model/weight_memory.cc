#include "engine/model/weight_memory.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/model/container/container_plan.h"
#include "engine/moe/eviction_policy.h"
#include "kernels/api/host_device.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

void AddRange(const PayloadRange& range, std::vector<PayloadRange>& ranges) {
  if (!ranges.empty()) {
    PayloadRange& last = ranges.back();
    if (last.offset + last.num_bytes == range.offset && last.destination + last.num_bytes == range.destination &&
        last.is_writable == range.is_writable) {
      last.num_bytes += range.num_bytes;
      return;
    }
  }
  ranges.push_back(range);
}

absl::Status AllocateDense(const ModelConfig& config, const WeightPlan& plan, Device& device, WeightMemory& memory) {
  LoadedWeights& weights = memory.weights;
  FOREGATE_ASSIGN_OR_RETURN(weights.arena, device.Allocate(plan.dense_bytes, MemorySpace::kDevice));
  auto* arena = static_cast<std::byte*>(weights.arena->data());
  const std::vector<NamedTensor> tensors = DenseTensors(config, weights.dense);
  FOREGATE_CHECK_EQ(tensors.size(), plan.dense.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    void* address = arena + plan.dense[i].offset;
    const std::vector<int64_t>& shape = tensors[i].shape;
    if (WeightMatrix* const* matrix = std::get_if<WeightMatrix*>(&tensors[i].place)) {
      **matrix = {.data = address, .format = *plan.dense[i].format, .num_outputs = shape[0], .num_inputs = shape[1]};
      continue;
    }
    *std::get<TensorView*>(tensors[i].place) = TensorView(address, plan.dense[i].stored, {shape[0]});
  }
  AddRange({0, plan.dense_bytes, arena, SharesHostMemory(device)}, memory.ranges);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WeightMemory> AllocateWeights(const ModelConfig& config, const WeightPlan& plan, size_t num_expert_slots,
                                             Device& device) {
  WeightMemory memory;
  LoadedWeights& weights = memory.weights;
  weights.experts = std::make_unique<const ExpertDirectory>(plan.experts);
  const size_t num_slots = num_expert_slots == 0 ? plan.experts.size() : num_expert_slots;
  if (num_slots < plan.experts.size()) {
    FOREGATE_ASSIGN_OR_RETURN(weights.store, ExpertStore::Create(*weights.experts, device));
  }
  FOREGATE_ASSIGN_OR_RETURN(weights.cache,
                            ExpertCache::Create(*weights.experts, std::min(num_slots, plan.experts.size()),
                                                weights.store.get(), EvictLeastRecentlyUsed, device));
  FOREGATE_RETURN_IF_ERROR(AllocateDense(config, plan, device, memory));
  const bool is_writable = weights.store != nullptr || SharesHostMemory(device);
  for (size_t i = 0; i < plan.experts.size(); ++i) {
    const ExpertKey key = plan.experts.key(i);
    void* block = nullptr;
    if (weights.store != nullptr) {
      block = weights.store->block(key);
    } else {
      FOREGATE_ASSIGN_OR_RETURN(block, weights.cache->Place(key));
    }
    AddRange({ContainerExpertOffset(plan, i), plan.experts.layout(i).block_bytes(), static_cast<std::byte*>(block),
              is_writable},
             memory.ranges);
  }
  return memory;
}

}  // namespace foregate
