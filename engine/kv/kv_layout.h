// KvLayout: what one layer keeps per token, so that latent (MLA) and windowed layers are layouts, not new allocators.
#ifndef FOREGATE_ENGINE_KV_KV_LAYOUT_H_
#define FOREGATE_ENGINE_KV_KV_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/api/tensor_view.h"

namespace foregate {

struct KvPlane {
  std::string name;  // "keys", "values"
  int32_t heads = 0;
  int32_t width = 0;  // elements per head
  DType dtype = DType::kF32;
};

struct KvLayout {
  std::vector<KvPlane> planes;
  int32_t window = 0;  // sliding window in tokens; 0: every earlier token is visible

  size_t bytes_per_token() const {
    size_t bytes = 0;
    for (const KvPlane& plane : planes)
      bytes += static_cast<size_t>(plane.heads) * static_cast<size_t>(plane.width) * ElementBytes(plane.dtype);
    return bytes;
  }
};

// The storage of one layer: planes[i] is [num_blocks * block_size, heads, width] on the device. Blocks follow each
// other; how slots lie inside a block is the kernels' business (kernels/api/kv_index.h).
struct KvLayerView {
  std::vector<TensorView> planes;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_KV_KV_LAYOUT_H_
