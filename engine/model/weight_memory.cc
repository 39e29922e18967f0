#include "engine/model/weight_memory.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/model/container/container_plan.h"
#include "engine/moe/store/disk_expert_store.h"
#include "engine/moe/store/memory_expert_store.h"
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

// What the cache is filled from while the model is served; nothing when every expert has a slot.
absl::StatusOr<std::unique_ptr<DiskExpertStore>> OpenStore(const ExpertDirectory& experts, const SlotPlan& slots,
                                                           const StoredExperts& stored, FileRead read, Device& device) {
  if (!SharesHostMemory(device))
    return absl::UnimplementedError(
        "expert memory: only devices that compute in host memory read experts from a file, "
        "not " +
        device.info().kind);
  return DiskExpertStore::Open(experts, stored, {.max_fetches = slots.num_slots(), .read = std::move(read)});
}

}  // namespace

absl::StatusOr<WeightMemory> AllocateWeights(const ModelConfig& config, const WeightPlan& plan,
                                             const ExpertMemory& expert_memory, const StoredExperts* stored,
                                             Device& device, FileRead expert_read) {
  WeightMemory memory;
  LoadedWeights& weights = memory.weights;
  weights.experts = std::make_unique<const ExpertDirectory>(plan.experts);
  const ExpertDirectory& experts = *weights.experts;
  FOREGATE_ASSIGN_OR_RETURN(const SlotPlan slots, expert_memory.Plan(experts));
  MemoryExpertStore* host_store = nullptr;
  DiskExpertStore* disk_store = nullptr;
  if (expert_memory.reads_container(slots)) {
    FOREGATE_CHECK(stored != nullptr);
    FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<DiskExpertStore> store,
                              OpenStore(experts, slots, *stored, std::move(expert_read), device));
    disk_store = store.get();
    weights.container_path = stored->path;
    weights.store = std::move(store);
  } else if (slots.num_slots() < experts.size()) {
    FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<MemoryExpertStore> store, MemoryExpertStore::Create(experts, device));
    host_store = store.get();
    weights.store = std::move(store);
  }
  FOREGATE_ASSIGN_OR_RETURN(weights.cache,
                            ExpertCache::Create(experts, slots, weights.store.get(), expert_memory.eviction, device));
  FOREGATE_RETURN_IF_ERROR(AllocateDense(config, plan, device, memory));
  if (disk_store != nullptr) {
    disk_store->Start(weights.cache->slot_memory());
    return memory;
  }
  const bool is_writable = host_store != nullptr || SharesHostMemory(device);
  for (size_t i = 0; i < experts.size(); ++i) {
    const ExpertKey key = experts.key(i);
    void* block = nullptr;
    if (host_store != nullptr) {
      block = host_store->block(key);
    } else {
      FOREGATE_ASSIGN_OR_RETURN(block, weights.cache->Place(key));
    }
    AddRange(
        {ContainerExpertOffset(plan, i), experts.layout(i).block_bytes(), static_cast<std::byte*>(block), is_writable},
        memory.ranges);
  }
  return memory;
}

}  // namespace foregate
