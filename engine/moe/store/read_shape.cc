#include "engine/moe/store/read_shape.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/api/host_device.h"

namespace foregate {
namespace {

constexpr uint64_t kLeastBytes = uint64_t{64} << 20;
constexpr std::array<ReadShape, 4> kShapes = {{{512u << 10, 8}, {512u << 10, 16}, {1u << 20, 16}, {1u << 20, 32}}};
constexpr int kTurns = 2;
constexpr auto kTurnTime = std::chrono::milliseconds(50);

// Bytes per second of one turn; 0 when reads fail. `buffers` has room for all reads at once.
double MeasureShape(const BulkFile& file, const ReadShape& shape, uint64_t begin, uint64_t end, uint64_t salt,
                    std::byte* buffers) {
  const uint64_t num_places = (end - begin) / shape.piece_bytes;
  const auto start = std::chrono::steady_clock::now();
  std::atomic<uint64_t> num_read{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < shape.depth; ++i) {
    threads.emplace_back([&, i] {
      std::byte* const buffer = buffers + static_cast<size_t>(i) * shape.piece_bytes;
      uint64_t state = salt * 1000 + static_cast<uint64_t>(i);
      while (std::chrono::steady_clock::now() - start < kTurnTime) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t place = begin + (state >> 33) % num_places * shape.piece_bytes;
        iovec vector{buffer, shape.piece_bytes};
        if (!file.Read(place, {&vector, 1}, /*direct=*/true).ok()) return;
        num_read.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return static_cast<double>(num_read.load()) * shape.piece_bytes / seconds;
}

}  // namespace

ReadShape ChooseReadShape(std::span<const MeasuredShape> measured) {
  double fastest = 0;
  for (const MeasuredShape& one : measured) fastest = std::max(fastest, one.bytes_per_second);
  const MeasuredShape* chosen = nullptr;
  for (const MeasuredShape& one : measured) {
    if (one.bytes_per_second < 0.9 * fastest) continue;
    if (chosen == nullptr || one.shape.bytes_under_way() > chosen->shape.bytes_under_way()) chosen = &one;
  }
  return chosen->shape;
}

ReadShape ProbeReadShape(const BulkFile& file, uint64_t begin, uint64_t end) {
  // Direct reads begin and end at pages.
  begin = (begin + BulkFile::kAlignment - 1) / BulkFile::kAlignment * BulkFile::kAlignment;
  if (end < begin + kLeastBytes || !file.PrefersDirect(begin + (end - begin) / 2, 1)) return {};
  // Huge pages, as the slots have: a read into small ones is cut up on its way (256 pages are more than the segments of
  // many a virtual disk's request), and 1.4 GB/s become 0.55.
  const auto largest = std::max_element(kShapes.begin(), kShapes.end(), [](const ReadShape& a, const ReadShape& b) {
    return a.bytes_under_way() < b.bytes_under_way();
  });
  const absl::StatusOr<std::unique_ptr<DeviceBuffer>> buffers = AllocateHostMemory(largest->bytes_under_way());
  if (!buffers.ok()) return {};
  auto* const memory = static_cast<std::byte*>((*buffers)->data());
  std::memset(memory, 0, largest->bytes_under_way());
  std::array<MeasuredShape, kShapes.size()> measured;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t i = 0; i < kShapes.size(); ++i) {
      measured[i].shape = kShapes[i];
      const double rate = MeasureShape(file, kShapes[i], begin, end, static_cast<uint64_t>(turn) * 16 + i + 1, memory);
      measured[i].bytes_per_second = std::max(measured[i].bytes_per_second, rate);
    }
  }
  return ChooseReadShape(measured);
}

}  // namespace foregate
