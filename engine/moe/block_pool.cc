#include "engine/moe/block_pool.h"

#include <algorithm>
#include <utility>

#include "kernels/api/host_device.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Large enough for huge pages and few allocations, small enough that fragmented memory serves.
constexpr size_t kPieceBytes = size_t{256} << 20;

}  // namespace

absl::StatusOr<BlockPool> BlockPool::Create(size_t num_blocks, size_t block_bytes, MemorySpace space, Device& device) {
  FOREGATE_CHECK_GT(block_bytes, size_t{0});
  BlockPool pool;
  pool.num_blocks_ = num_blocks;
  pool.block_bytes_ = block_bytes;
  pool.blocks_per_piece_ = std::max<size_t>(1, kPieceBytes / block_bytes);
  for (size_t first = 0; first < num_blocks; first += pool.blocks_per_piece_) {
    const size_t count = std::min(pool.blocks_per_piece_, num_blocks - first);
    FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<DeviceBuffer> piece, device.Allocate(count * block_bytes, space));
    pool.pieces_.push_back(std::move(piece));
  }
  return pool;
}

std::vector<std::span<std::byte>> BlockPool::pieces() const {
  std::vector<std::span<std::byte>> spans;
  for (const std::unique_ptr<DeviceBuffer>& piece : pieces_)
    spans.emplace_back(static_cast<std::byte*>(piece->data()), piece->num_bytes());
  return spans;
}

void* BlockPool::block(size_t index) const {
  FOREGATE_CHECK_LT(index, num_blocks_);
  return static_cast<std::byte*>(pieces_[index / blocks_per_piece_]->data()) + index % blocks_per_piece_ * block_bytes_;
}

void BlockPool::ReturnPages(size_t index) const { ReturnHostPages(block(index), block_bytes_); }

}  // namespace foregate
