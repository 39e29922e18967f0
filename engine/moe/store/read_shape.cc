#include "engine/moe/store/read_shape.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>

#include "engine/moe/store/read_pieces.h"
#include "kernels/api/host_device.h"

namespace foregate {
namespace {

constexpr uint64_t kLeastBytes = uint64_t{64} << 20;
constexpr std::array<ReadShape, 4> kShapes = {{{512u << 10, 8}, {1u << 20, 8}, {1u << 20, 16}, {1u << 20, 32}}};
constexpr int kTurns = 2;
constexpr auto kTurnTime = std::chrono::milliseconds(50);

}  // namespace

ReadShape ChooseReadShape(std::span<const MeasuredShape> measured) {
  double fastest = 0;
  for (const MeasuredShape& one : measured) fastest = std::max(fastest, one.bytes_per_second);
  const MeasuredShape* chosen = nullptr;
  for (const MeasuredShape& one : measured) {
    if (one.bytes_per_second < 0.95 * fastest) continue;
    if (chosen == nullptr || one.shape.bytes_under_way() < chosen->shape.bytes_under_way()) chosen = &one;
  }
  return chosen->shape;
}

ReadShape ProbeReadShape(const BulkFile& file, uint64_t begin, uint64_t end) {
  // Direct reads begin and end at pages.
  begin = (begin + BulkFile::kAlignment - 1) / BulkFile::kAlignment * BulkFile::kAlignment;
  if (end < begin + kLeastBytes || !file.PrefersDirect(begin + (end - begin) / 2, 1)) return {};
  // Huge pages, as the slots have: a read into small ones is cut up on its way (256 pages are more than the segments of
  // many a virtual disk's request), and 1.4 GB/s become 0.55.
  const absl::StatusOr<std::unique_ptr<DeviceBuffer>> buffers = AllocateHostMemory(kReadBufferBytes);
  if (!buffers.ok()) return {};
  const std::span memory(static_cast<std::byte*>((*buffers)->data()), kReadBufferBytes);
  std::memset(memory.data(), 0, memory.size());
  std::array<MeasuredShape, kShapes.size()> measured;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t i = 0; i < kShapes.size(); ++i) {
      measured[i].shape = kShapes[i];
      const uint64_t num_places = (end - begin) / kShapes[i].piece_bytes;
      // Each time elsewhere: what a disk's own cache holds by now is not measured.
      const uint64_t salt = (static_cast<uint64_t>(turn) * kShapes.size() + i + 1) << 32;
      const double rate = ReadPieces(file, kShapes[i], kTurnTime, memory, [&](uint64_t piece) {
        return begin + Scatter(salt + piece) % num_places * kShapes[i].piece_bytes;
      });
      measured[i].bytes_per_second = std::max(measured[i].bytes_per_second, rate);
    }
  }
  return ChooseReadShape(measured);
}

}  // namespace foregate
