// DiskRate: what the disk gives on which a daemon would find its container.
#ifndef FOREGATE_TOOLS_OFFLINE_DISK_RATE_H_
#define FOREGATE_TOOLS_OFFLINE_DISK_RATE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/moe/store/read_shape.h"

namespace foregate {

struct DiskRate {
  ReadShape shape;  // as the daemon would choose it
  double bytes_per_second = 0;
  std::string origin;  // "measured on FILE"
};

// Measured in 1.3 s on the container that `model` is, which the daemon would serve wherever its cache is; else on the
// largest one in `cache_directory`; where there is none, on a temporary file of 256 MiB there, which takes as long as
// it takes to be written, or in the directory in which that one would be made; without a directory on the model's own
// largest file (itself, when it is a file; of an overlay and its base the largest). Reads scattered experts of
// `expert_bytes`. UNAVAILABLE naming the file or the directory.
absl::StatusOr<DiskRate> MeasureDiskRate(const std::string& cache_directory, const std::string& model,
                                         uint64_t expert_bytes);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_DISK_RATE_H_
