// Kernels that count what each operation takes, for the benches: where a step's time goes.
//
// For backends whose operations are done when the call returns, as the CPU's are.
#ifndef FOREGATE_TESTS_BENCH_TIMED_KERNELS_H_
#define FOREGATE_TESTS_BENCH_TIMED_KERNELS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kernels/api/kernels.h"

namespace foregate {

struct OperationTime {
  double seconds = 0;
  double operations = 0;  // multiplications and additions of products with weights
  int64_t calls = 0;
};

// By name; products with weights by name and format, "linear q4_k".
using OperationTimes = std::map<std::string, OperationTime>;

// Adds to `times`, which outlives the kernels. Thread-compatible.
std::unique_ptr<Kernels> MakeTimedKernels(std::unique_ptr<Kernels> kernels, OperationTimes* times);

// A line for each operation, the largest first, with its share of `seconds`.
std::string OperationText(const OperationTimes& times, double seconds);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_TIMED_KERNELS_H_
