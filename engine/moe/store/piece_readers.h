// PieceReaders: whoever takes pieces from a FetchQueue, reads them, and returns them. Owns its threads: they end when
// the queue is stopped, and the destructor joins them.
#ifndef FOREGATE_ENGINE_MOE_STORE_PIECE_READERS_H_
#define FOREGATE_ENGINE_MOE_STORE_PIECE_READERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/bulk_file.h"
#include "engine/moe/store/fetch_queue.h"

namespace foregate {

// Reads bytes of the file from `file_offset` on; several threads at once.
using FileRead = std::function<absl::Status(uint64_t file_offset, std::span<std::byte> destination)>;

class PieceReaders {
 public:
  virtual ~PieceReaders() = default;
  // Buffers need not stay in memory any more: they are no longer registered for reads that begin from now on, and soon
  // not at all. Thread-safe.
  virtual void ReleaseBuffers() {}
  // For threads that hang in a read: they go their own way, and `this` and all that they use must stay for good.
  virtual void Detach() = 0;
};

// `depth` threads, each with one read under way. `queue` must outlive the result.
std::unique_ptr<PieceReaders> MakeThreadReaders(FetchQueue& queue, FileRead read, int depth);

// One thread that keeps `depth` direct reads under way with io_uring; what is in the page cache, or refuses direct I/O,
// is read by `read`. `buffers` hold every destination: they are registered, so that no page is looked up for each read,
// where the kernel allows it. UNAVAILABLE where io_uring is not permitted, as in many containers, or where the file
// refuses direct I/O. `queue` and `file` must outlive the result; the buffers may be freed once nothing is under way.
absl::StatusOr<std::unique_ptr<PieceReaders>> MakeUringReaders(FetchQueue& queue, const BulkFile& file, FileRead read,
                                                               std::span<const std::span<std::byte>> buffers,
                                                               int depth);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_PIECE_READERS_H_
