// KvCache: the device storage of every layer's KV planes. One allocation per plane; block b of a plane is rows
// [b * block_size, (b + 1) * block_size). The host only computes addresses in it.
//
// Thread-compatible. The device outlives it.
#ifndef FOREGATE_ENGINE_KV_KV_CACHE_H_
#define FOREGATE_ENGINE_KV_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/kv/kv_layout.h"
#include "kernels/api/device.h"

namespace foregate {

class KvCache {
 public:
  // Bytes of one block over all layers.
  static uint64_t BytesPerBlock(const std::vector<KvLayout>& layouts, int32_t block_size);
  // RESOURCE_EXHAUSTED naming the bytes when the device has not got them.
  static absl::StatusOr<KvCache> Create(Device* device, const std::vector<KvLayout>& layouts, int32_t num_blocks,
                                        int32_t block_size);

  std::span<const KvLayerView> layers() const { return layers_; }
  // Enqueues a copy of `source` to `destination`, every plane of every layer. Whole blocks, for the slots of a block
  // are interleaved (kernels/api/kv_index.h); slots that were never written are copied and not read.
  absl::Status CopyBlockAsync(int32_t source, int32_t destination, Stream& stream);

 private:
  KvCache(Device* device, int32_t block_size) : device_(device), block_size_(block_size) {}

  Device* device_;
  int32_t block_size_;
  std::vector<std::unique_ptr<DeviceBuffer>> buffers_;
  std::vector<KvLayerView> layers_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_KV_KV_CACHE_H_
