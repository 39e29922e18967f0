#include "engine/moe/store/read_rate.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernels/api/host_device.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

uint64_t Mix(uint64_t number) {
  number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9u;
  number = (number ^ (number >> 27)) * 0x94D049BB133111EBu;
  return number ^ (number >> 31);
}

}  // namespace

absl::StatusOr<ReadRate> MeasureReadRate(const BulkFile& file, uint64_t begin, uint64_t end, const ReadShape& shape,
                                         uint64_t expert_bytes, std::chrono::milliseconds duration) {
  const uint64_t page = BulkFile::kAlignment;
  begin = (begin + page - 1) / page * page;
  const uint64_t piece_bytes = std::min<uint64_t>(shape.piece_bytes, expert_bytes / page * page);
  if (piece_bytes == 0 || end < begin + expert_bytes)
    return absl::InvalidArgumentError(file.path() + ": too small to measure reads of " + std::to_string(expert_bytes) +
                                      " bytes");
  const uint64_t pieces_each = std::max<uint64_t>(1, expert_bytes / piece_bytes);
  const uint64_t num_places = (end - begin - pieces_each * piece_bytes) / page + 1;
  // As the probe of the shape: slots lie in huge pages.
  const uint64_t buffer_bytes = piece_bytes * static_cast<uint64_t>(shape.depth);
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<DeviceBuffer> buffers, AllocateHostMemory(buffer_bytes));
  auto* const memory = static_cast<std::byte*>(buffers->data());
  std::memset(memory, 0, buffer_bytes);
  std::atomic<uint64_t> next_piece{0}, num_read{0};
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < shape.depth; ++i) {
    threads.emplace_back([&, i] {
      std::byte* const buffer = memory + static_cast<uint64_t>(i) * piece_bytes;
      while (std::chrono::steady_clock::now() - start < duration) {
        const uint64_t piece = next_piece.fetch_add(1, std::memory_order_relaxed);
        const uint64_t place = begin + Mix(piece / pieces_each + 1) % num_places * page;
        iovec vector{buffer, piece_bytes};
        if (!file.Read(place + piece % pieces_each * piece_bytes, {&vector, 1}, /*direct=*/true).ok()) return;
        num_read.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (num_read.load() == 0) return absl::UnavailableError(file.path() + ": cannot be read");
  return ReadRate{.bytes_per_second = static_cast<double>(num_read.load() * piece_bytes) / seconds,
                  .is_direct = file.direct_fd() >= 0};
}

}  // namespace foregate
