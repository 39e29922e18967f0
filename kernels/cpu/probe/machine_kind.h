// The kinds of machine whose limits are known from quiet measurements (docs/benchmarks.md), and whether a probe of this
// run may be trusted. Pure functions.
#ifndef FOREGATE_KERNELS_CPU_PROBE_MACHINE_KIND_H_
#define FOREGATE_KERNELS_CPU_PROBE_MACHINE_KIND_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/cpu/probe/cpu_identity.h"

namespace foregate {

enum class MachineKind : uint8_t { kUnknown, kIntelAmx, kAmdZen5, kAmdZen3 };

// "unknown", "Intel with AMX", "AMD Zen 5", "AMD Zen 3".
const char* MachineKindName(MachineKind kind);
MachineKind KindOf(const CpuIdentity& cpu);

// The name under which the bandwidth of memory has a figure; instructions have theirs under their own names.
inline constexpr std::string_view kMemoryRead = "memory";

// What machines of this kind reached, in bytes or operations per second with `num_threads` threads on cores of their
// own. The figures are of 1 and 2 threads; more threads reach at least what two do, which is then the figure. None for
// an unknown kind and for what was not measured on it: such a probe is its own figure.
std::optional<double> KnownFigure(MachineKind kind, std::string_view name, int num_threads);

// A probe counts when it reaches this part of its figure: less means that something else used the machine meanwhile,
// and a fraction of it would flatter whatever was measured beside it.
inline constexpr double kProbeCountsFrom = 0.95;
inline bool ProbeCounts(std::optional<double> figure, double measured) {
  return !figure || measured >= kProbeCountsFrom * *figure;
}

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_PROBE_MACHINE_KIND_H_
