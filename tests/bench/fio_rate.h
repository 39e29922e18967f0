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

// The program `fio` reading `file` for `seconds` as an expert tier does: direct I/O, io_uring, 64 reads of 1 MiB at a
// time, twelve neighbours in a row, into registered huge pages. So many, because buffers that stay in the processor's
// cache are filled faster than a tier's slots ever are (8 of them on a Zen 5 with 32 MiB: 4.1 instead of 3.7 GB/s).
// Where the machine has no huge pages reserved (/proc/sys/vm/nr_hugepages: 72), into small ones, into which a virtual
// disk gives less than half: no bound of a tier that reads into huge ones. UNAVAILABLE when fio does not run.
absl::StatusOr<FioRate> MeasureFioRate(const std::string& fio, const std::string& file, double seconds);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_FIO_RATE_H_
