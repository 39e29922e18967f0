#include "engine/moe/store/read_pieces.h"

#include <atomic>
#include <thread>
#include <vector>

#include "kernels/base/check.h"

namespace foregate {

double ReadPieces(const BulkFile& file, const ReadShape& shape, std::chrono::milliseconds duration,
                  std::span<std::byte> buffers, const std::function<uint64_t(uint64_t piece)>& place_of) {
  const size_t num_buffers = buffers.size() / shape.piece_bytes;
  const auto depth = static_cast<size_t>(shape.depth);
  FOREGATE_CHECK(num_buffers >= depth);
  std::atomic<uint64_t> next_piece{0}, num_read{0};
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < depth; ++i) {
    threads.emplace_back([&, i] {
      // Every depth-th buffer is this thread's.
      for (size_t buffer = i; std::chrono::steady_clock::now() - start < duration;
           buffer = buffer + depth < num_buffers ? buffer + depth : i) {
        iovec vector{buffers.data() + buffer * shape.piece_bytes, shape.piece_bytes};
        const uint64_t place = place_of(next_piece.fetch_add(1, std::memory_order_relaxed));
        if (!file.Read(place, {&vector, 1}, /*direct=*/true).ok()) return;
        num_read.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return static_cast<double>(num_read.load()) * shape.piece_bytes / seconds;
}

}  // namespace foregate
