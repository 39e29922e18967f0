#include "engine/moe/store/read_pieces.h"

#include <atomic>
#include <thread>
#include <vector>

namespace foregate {

double ReadPieces(const BulkFile& file, const ReadShape& shape, std::chrono::milliseconds duration, std::byte* buffers,
                  const std::function<uint64_t(uint64_t piece)>& place_of) {
  std::atomic<uint64_t> next_piece{0}, num_read{0};
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < shape.depth; ++i) {
    threads.emplace_back([&, i] {
      std::byte* const buffer = buffers + static_cast<size_t>(i) * shape.piece_bytes;
      while (std::chrono::steady_clock::now() - start < duration) {
        iovec vector{buffer, shape.piece_bytes};
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
