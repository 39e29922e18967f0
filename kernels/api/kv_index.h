// Where keys and values of paged attention lie inside a block.
//
// A block holds, for each key-value head in turn, block_size x D elements. Keys are stored in panels of P positions,
// [block_size / P][D][P], and values in panels of W dimensions, [D / W][block_size][W], so that scores and weighted
// sums are products with packed panels (weight_matrix.h); in bf16 [.. / P][D / 2][P][2] and [.. / W][block_size /
// 2][W][2], as bf16 panels are. P and W are 16, unless 16 does not divide the block size or the head dimension: then
// one panel without pairs holds all, which is right everywhere and fast nowhere.
#ifndef FOREGATE_KERNELS_API_KV_INDEX_H_
#define FOREGATE_KERNELS_API_KV_INDEX_H_

#include <cstdint>

#include "kernels/api/weight_matrix.h"

namespace foregate {

struct KvIndex {
  int64_t num_heads = 0;  // key-value heads
  int64_t head_dim = 0;
  int64_t block_size = 0;
  bool is_bf16 = false;

  int64_t key_panel() const { return block_size % kPanelOutputs == 0 ? kPanelOutputs : block_size; }
  int64_t value_panel() const { return head_dim % kPanelOutputs == 0 ? kPanelOutputs : head_dim; }
  bool has_packed_panels() const { return block_size % kPanelOutputs == 0 && head_dim % kPanelOutputs == 0; }

  // First element of a block's head, in elements from the start of the plane.
  int64_t Block(int64_t block, int64_t head) const { return (block * num_heads + head) * block_size * head_dim; }
  // Element d of a position's key; `slot` is block * block_size + offset.
  int64_t Key(int64_t slot, int64_t head, int64_t d) const {
    const int64_t panel = key_panel();
    const int64_t offset = slot % block_size;
    return Block(slot / block_size, head) + offset / panel * panel * head_dim + InPanel(panel, d, offset % panel);
  }
  int64_t Value(int64_t slot, int64_t head, int64_t d) const {
    const int64_t panel = value_panel();
    return Block(slot / block_size, head) + d / panel * panel * block_size +
           InPanel(panel, slot % block_size, d % panel);
  }

 private:
  // A panel's outputs lie side by side for each of its inputs, or for each pair of them.
  int64_t InPanel(int64_t panel, int64_t input, int64_t output) const {
    if (!is_bf16 || !has_packed_panels()) return input * panel + output;
    return input / 2 * 2 * panel + output * 2 + input % 2;
  }
};

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_KV_INDEX_H_
