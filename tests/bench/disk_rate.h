// What fio reads from a file right now: the limit that an expert tier is judged by.
#ifndef FOREGATE_TESTS_BENCH_DISK_RATE_H_
#define FOREGATE_TESTS_BENCH_DISK_RATE_H_

#include <string>

#include "absl/status/statusor.h"

namespace foregate {

// Bytes per second of the program `fio` reading `file` for `seconds` with direct I/O and io_uring: the best of
// scattered reads (16 of 1 MiB at a time) and of reads like an expert tier's (32 of 1 MiB at a time, twelve neighbours
// in a row), into small pages and, where the machine has some reserved (/proc/sys/vm/nr_hugepages: 40), into huge ones,
// which more than doubles what a virtual disk gives. UNAVAILABLE when fio does not run.
absl::StatusOr<double> MeasureDiskRate(const std::string& fio, const std::string& file, double seconds);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_DISK_RATE_H_
