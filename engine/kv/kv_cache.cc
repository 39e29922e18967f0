#include "engine/kv/kv_cache.h"

#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {

uint64_t KvCache::BytesPerBlock(const std::vector<KvLayout>& layouts, int32_t block_size) {
  uint64_t bytes = 0;
  for (const KvLayout& layout : layouts) bytes += layout.bytes_per_token() * static_cast<uint64_t>(block_size);
  return bytes;
}

absl::StatusOr<KvCache> KvCache::Create(Device* device, const std::vector<KvLayout>& layouts, int32_t num_blocks,
                                        int32_t block_size) {
  KvCache cache(device, block_size);
  const int64_t num_slots = static_cast<int64_t>(num_blocks) * block_size;
  for (const KvLayout& layout : layouts) {
    KvLayerView layer;
    for (const KvPlane& plane : layout.planes) {
      const TensorView shape(nullptr, plane.dtype, {num_slots, plane.heads, plane.width});
      FOREGATE_ASSIGN_OR_RETURN(auto buffer, device->Allocate(shape.num_bytes(), MemorySpace::kDevice));
      layer.planes.emplace_back(buffer->data(), plane.dtype,
                                std::initializer_list<int64_t>{num_slots, plane.heads, plane.width});
      cache.buffers_.push_back(std::move(buffer));
    }
    cache.layers_.push_back(std::move(layer));
  }
  return cache;
}

absl::Status KvCache::CopyBlockAsync(int32_t source, int32_t destination, Stream& stream) {
  const int64_t from = static_cast<int64_t>(source) * block_size_;
  const int64_t to = static_cast<int64_t>(destination) * block_size_;
  for (const KvLayerView& layer : layers_)
    for (const TensorView& plane : layer.planes)
      FOREGATE_RETURN_IF_ERROR(device_->CopyAsync(plane.Rows(from, block_size_), plane.Rows(to, block_size_), stream));
  return absl::OkStatus();
}

}  // namespace foregate
