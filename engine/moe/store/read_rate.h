// ReadRate: what a disk gives when experts are read from it as the daemon reads them, measured.
#ifndef FOREGATE_ENGINE_MOE_STORE_READ_RATE_H_
#define FOREGATE_ENGINE_MOE_STORE_READ_RATE_H_

#include <chrono>
#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/formats/bulk_file.h"
#include "engine/moe/store/read_shape.h"

namespace foregate {

struct ReadRate {
  double bytes_per_second = 0;
  bool is_direct = false;  // false: through the page cache, because the file system refuses direct reads
};

// Direct reads of experts of `expert_bytes` at random places of bytes [begin, end), the pieces of one after the other,
// `shape.depth` pieces at once. Experts are neighbours in themselves, which lets a disk give more than for
// scattered requests. INVALID_ARGUMENT when the range is smaller than an expert; UNAVAILABLE when nothing could be
// read.
absl::StatusOr<ReadRate> MeasureReadRate(const BulkFile& file, uint64_t begin, uint64_t end, const ReadShape& shape,
                                         uint64_t expert_bytes, std::chrono::milliseconds duration);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_READ_RATE_H_
