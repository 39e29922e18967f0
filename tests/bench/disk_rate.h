// What fio reads from a file right now: the limit that an expert tier is judged by.
#ifndef FOREGATE_TESTS_BENCH_DISK_RATE_H_
#define FOREGATE_TESTS_BENCH_DISK_RATE_H_

#include <string>

#include "absl/status/statusor.h"

namespace foregate {

// Bytes per second of the program `fio` reading `file` at random for `seconds`, with direct I/O and io_uring: the
// better of 16 reads of 1 MiB and 4 of 4 MiB at a time, half the time each. UNAVAILABLE when fio does not run.
absl::StatusOr<double> MeasureDiskRate(const std::string& fio, const std::string& file, double seconds);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_DISK_RATE_H_
