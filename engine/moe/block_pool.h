// BlockPool: equal blocks of memory for experts, taken from the device in large pieces. Fixed in number; the blocks are
// given out by index.
#ifndef FOREGATE_ENGINE_MOE_BLOCK_POOL_H_
#define FOREGATE_ENGINE_MOE_BLOCK_POOL_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/api/device.h"

namespace foregate {

class BlockPool {
 public:
  // RESOURCE_EXHAUSTED when the memory is not to be had.
  static absl::StatusOr<BlockPool> Create(size_t num_blocks, size_t block_bytes, MemorySpace space, Device& device);

  size_t num_blocks() const { return num_blocks_; }
  size_t block_bytes() const { return block_bytes_; }
  // The memory that the blocks lie in.
  std::vector<std::span<std::byte>> pieces() const;
  // Address of a block, in the pool's memory space.
  void* block(size_t index) const;
  // Gives the block's pages back to the system until it is written again. For multiples of a page on devices that share
  // the host's memory.
  void ReturnPages(size_t index) const;

 private:
  BlockPool() = default;
  size_t num_blocks_ = 0;
  size_t block_bytes_ = 0;
  size_t blocks_per_piece_ = 0;
  std::vector<std::unique_ptr<DeviceBuffer>> pieces_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_BLOCK_POOL_H_
