// The machine's measured limits, which every benchmark of kernels states its fraction of.
//
// One probe, one ceiling: a benchmark measures the limits at its own start, with the threads that it uses, and prints
// fractions only when the probe counts (machine_kind.h): a limit measured while something else ran would flatter it.
// What a shared machine gives moves within a second; RooflineProbe measures it beside what is benchmarked.
#ifndef FOREGATE_KERNELS_CPU_ROOFLINE_H_
#define FOREGATE_KERNELS_CPU_ROOFLINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace foregate {

struct Roofline {
  double read_bytes_per_second = 0;  // streaming reads of a buffer of the size that was asked for
  double f32_flops = 0;              // fused multiply-adds in registers, counted as two operations each
  // The fastest instruction of this machine that multiplies such weights exactly enough: bf16 (at least f32_flops, by
  // widening), bytes with sums in 32 bits, and 4 bits (at least int8_ops; short sums are enough for them).
  double bf16_flops = 0;
  double int8_ops = 0;
  double int4_ops = 0;
  // "AMD Zen 3, 2 threads".
  std::string machine;
  // Empty when the probe counts. Otherwise what fell short and by how much; print it instead of fractions.
  std::string shortfall;

  // max(bytes / bandwidth, operations / peak): the shortest time that this machine could take.
  double BoundSeconds(double bytes, double operations, double peak_ops) const;
  // bound / measured, or nothing when the probe does not count.
  std::optional<double> Fraction(double bound_seconds, double measured_seconds) const;
};

// For one thread at a time.
class RooflineProbe {
 public:
  // Measures with `num_threads` (at least 1) threads for about a second. Reads `buffer_bytes` (of memory that it
  // allocates and keeps) over and over: several times the last-level cache, or a cache's bandwidth is what comes out,
  // which no known figure judges. RESOURCE_EXHAUSTED when memory or threads are not to be had.
  static absl::StatusOr<std::unique_ptr<RooflineProbe>> Create(int num_threads, int64_t buffer_bytes);
  ~RooflineProbe();
  RooflineProbe(const RooflineProbe&) = delete;
  RooflineProbe& operator=(const RooflineProbe&) = delete;

  // The machine's limits, as measured at the start.
  const Roofline& limits() const;
  // What the machine gives now, in about 0.1 s. It is no limit: `machine` and `shortfall` stay empty.
  absl::StatusOr<Roofline> MeasureNow();

 private:
  struct State;
  explicit RooflineProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The limits of a RooflineProbe.
absl::StatusOr<Roofline> MeasureRoofline(int num_threads, int64_t buffer_bytes);

// "12.3 %", or "probe low: no fraction".
std::string FractionText(const std::optional<double>& fraction);
// "AMD Zen 3, 2 threads: read 31.6 GB/s; GFLOP/s f32 205, bf16 205; GOP/s int8 402, int4 620", and the shortfall in a
// second line when there is one.
std::string RooflineText(const Roofline& roofline);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_ROOFLINE_H_
