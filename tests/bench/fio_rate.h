// What fio reads from a file right now: the limit that an expert tier is judged by.
#ifndef FOREGATE_TESTS_BENCH_FIO_RATE_H_
#define FOREGATE_TESTS_BENCH_FIO_RATE_H_

#include <string>

#include "absl/status/statusor.h"

namespace foregate {

struct FioRate {
  double bytes_per_second = 0;
  bool uses_huge_pages = false;
};

// The program `fio` reading `file` for `seconds` as an expert tier does: direct I/O, io_uring, 32 reads of 1 MiB at a
// time, twelve neighbours in a row, into registered huge pages. Where the machine has none reserved
// (/proc/sys/vm/nr_hugepages: 40), into small ones, into which a virtual disk gives less than half: no bound of a tier
// that reads into huge ones. UNAVAILABLE when fio does not run.
absl::StatusOr<FioRate> MeasureFioRate(const std::string& fio, const std::string& file, double seconds);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_FIO_RATE_H_
