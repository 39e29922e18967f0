// What fio reads from a file right now: the limit that an expert tier is judged by.
#ifndef FOREGATE_TESTS_BENCH_DISK_RATE_H_
#define FOREGATE_TESTS_BENCH_DISK_RATE_H_

#include <string>

#include "absl/status/statusor.h"

namespace foregate {

// Bytes per second of the program `fio` reading `file` for `seconds` as an expert tier does: direct I/O, io_uring, 32
// reads of 1 MiB at a time, twelve neighbours in a row, into registered huge pages. Where the machine has none reserved
// (/proc/sys/vm/nr_hugepages: 40), into small ones, from which a virtual disk gives less than half. UNAVAILABLE when
// fio does not run.
absl::StatusOr<double> MeasureDiskRate(const std::string& fio, const std::string& file, double seconds);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_DISK_RATE_H_
