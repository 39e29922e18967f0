#include "engine/moe/store/read_rate.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "engine/moe/store/read_pieces.h"
#include "kernels/api/host_device.h"
#include "kernels/base/status_macros.h"

namespace foregate {

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
  const uint64_t buffer_bytes = std::max(kReadBufferBytes, piece_bytes * static_cast<uint64_t>(shape.depth));
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<DeviceBuffer> buffers, AllocateHostMemory(buffer_bytes));
  const std::span memory(static_cast<std::byte*>(buffers->data()), buffer_bytes);
  std::memset(memory.data(), 0, memory.size());
  const ReadShape pieces{.piece_bytes = static_cast<uint32_t>(piece_bytes), .depth = shape.depth};
  const double rate = ReadPieces(file, pieces, duration, memory, [&](uint64_t piece) {
    return begin + Scatter(piece / pieces_each + 1) % num_places * page + piece % pieces_each * piece_bytes;
  });
  if (rate == 0) return absl::UnavailableError(file.path() + ": cannot be read");
  return ReadRate{.bytes_per_second = rate, .is_direct = file.direct_fd() >= 0};
}

}  // namespace foregate
