#include "engine/model/gguf/row_reader.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/formats/gguf/dequantize.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Enough to keep a disk busy, little enough for a cache.
constexpr uint64_t kPieceBytes = 1 << 20;

bool IsStoredAsDelivered(GgufTensorType type) {
  return type == GgufTensorType::kF32 || type == GgufTensorType::kF16 || type == GgufTensorType::kBf16;
}

// Where a row of ours is stored: row (half, i) of a head is its row (i, half).
int64_t StoredRow(const GgufPlacement& placement, int64_t row) {
  if (placement.interleaved_heads == 0) return row;
  const int64_t head_rows = placement.num_rows / placement.interleaved_heads;
  const int64_t in_head = row % head_rows;
  const int64_t half_rows = head_rows / 2;
  return row - in_head + 2 * (in_head % half_rows) + in_head / half_rows;
}

// Dequantizes elements [first, first + values.size()) counted from the first stored row.
absl::Status ReadBlocks(const ReadOnlyFile& file, const GgufPlacement& placement, uint64_t first,
                        std::span<float> values) {
  const GgufBlockSize block = BlockSizeOf(placement.type);
  const uint64_t piece_blocks = kPieceBytes / block.block_bytes;
  std::unique_ptr<std::byte[]> bytes;
  size_t num_allocated = 0;
  while (!values.empty()) {
    const uint64_t skipped = first % block.block_elements;
    const uint64_t wanted = (skipped + values.size() + block.block_elements - 1) / block.block_elements;
    const uint64_t num_blocks = std::min(wanted, piece_blocks);
    if (num_allocated < num_blocks * block.block_bytes) {
      num_allocated = num_blocks * block.block_bytes;
      bytes = std::make_unique_for_overwrite<std::byte[]>(num_allocated);
    }
    const std::span<std::byte> blocks(bytes.get(), num_blocks * block.block_bytes);
    FOREGATE_RETURN_IF_ERROR(file.Read(placement.offset + first / block.block_elements * block.block_bytes, blocks));
    const size_t count = std::min<uint64_t>(values.size(), num_blocks * block.block_elements - skipped);
    if (skipped == 0 && count == num_blocks * block.block_elements) {
      DequantizeGguf(placement.type, blocks, values.first(count));
    } else {
      std::vector<float> whole(num_blocks * block.block_elements);
      DequantizeGguf(placement.type, blocks, whole);
      std::memcpy(values.data(), whole.data() + skipped, count * sizeof(float));
    }
    first += count;
    values = values.subspan(count);
  }
  return absl::OkStatus();
}

// Delivered elements counted from the first stored row, within one run of stored rows.
absl::Status ReadRun(const ReadOnlyFile& file, const GgufPlacement& placement, uint64_t first,
                     std::span<std::byte> destination) {
  if (IsStoredAsDelivered(placement.type))
    return file.Read(placement.offset + first * ElementBytes(DeliveredType(placement.type)), destination);
  // The destination need not be aligned for f32.
  if (reinterpret_cast<uintptr_t>(destination.data()) % alignof(float) == 0)
    return ReadBlocks(file, placement, first,
                      {reinterpret_cast<float*>(destination.data()), destination.size() / sizeof(float)});
  std::vector<float> values(destination.size() / sizeof(float));
  FOREGATE_RETURN_IF_ERROR(ReadBlocks(file, placement, first, values));
  std::memcpy(destination.data(), values.data(), destination.size());
  return absl::OkStatus();
}

}  // namespace

size_t GgufPlacement::row_bytes() const {
  const GgufBlockSize block = BlockSizeOf(type);
  return static_cast<size_t>(row_elements) / block.block_elements * block.block_bytes;
}

DType DeliveredType(GgufTensorType type) {
  if (type == GgufTensorType::kF16) return DType::kF16;
  if (type == GgufTensorType::kBf16) return DType::kBf16;
  return DType::kF32;
}

absl::Status ReadGgufElements(const ReadOnlyFile& file, const GgufPlacement& placement, uint64_t offset,
                              std::span<std::byte> destination) {
  const uint64_t element_bytes = ElementBytes(DeliveredType(placement.type));
  FOREGATE_CHECK(offset % element_bytes == 0 && destination.size() % element_bytes == 0);
  uint64_t first = offset / element_bytes;
  if (placement.interleaved_heads == 0) return ReadRun(file, placement, first, destination);
  const auto row_elements = static_cast<uint64_t>(placement.row_elements);
  while (!destination.empty()) {
    const uint64_t in_row = first % row_elements;
    const auto stored = static_cast<uint64_t>(StoredRow(placement, static_cast<int64_t>(first / row_elements)));
    const size_t size = std::min<uint64_t>(destination.size(), (row_elements - in_row) * element_bytes);
    FOREGATE_RETURN_IF_ERROR(ReadRun(file, placement, stored * row_elements + in_row, destination.first(size)));
    first += size / element_bytes;
    destination = destination.subspan(size);
  }
  return absl::OkStatus();
}

absl::Status ReadGgufRows(const ReadOnlyFile& file, const GgufPlacement& placement, int64_t first_row,
                          std::span<std::byte> destination) {
  const size_t row_bytes = placement.row_bytes();
  FOREGATE_CHECK_EQ(destination.size() % row_bytes, 0u);
  if (placement.interleaved_heads == 0)
    return file.Read(placement.offset + static_cast<uint64_t>(first_row) * row_bytes, destination);
  for (int64_t row = first_row; !destination.empty(); ++row) {
    const auto stored = static_cast<uint64_t>(StoredRow(placement, row));
    FOREGATE_RETURN_IF_ERROR(file.Read(placement.offset + stored * row_bytes, destination.first(row_bytes)));
    destination = destination.subspan(row_bytes);
  }
  return absl::OkStatus();
}

}  // namespace foregate
