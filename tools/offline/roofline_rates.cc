#include "tools/offline/roofline_rates.h"

#include <chrono>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/probe/cpu_identity.h"
#include "kernels/cpu/probe/dot_instruction.h"
#include "kernels/cpu/probe/machine_probe.h"
#include "kernels/cpu/probe/threads_together.h"

namespace foregate {
namespace {

constexpr ProbeOptions kOptions{.num_windows = 10, .window = std::chrono::milliseconds(30)};
constexpr int64_t kReadBytes = int64_t{256} << 20;  // of all threads: more than any cache

bool Computes(const DotInstruction& instruction, std::string_view format) {
  const bool is_float = instruction.operands == DotOperands::kF32;
  if (format == "f32" || format == "f16") return is_float;
  if (format == "bf16") return is_float || instruction.operands == DotOperands::kBf16;
  if (instruction.operands != DotOperands::kInt8) return false;
  return !format.starts_with("int8") || !instruction.sums_are_short;
}

}  // namespace

absl::StatusOr<RooflineRates> MeasureRooflineRates(int num_threads, std::string_view format) {
  const CpuIdentity cpu = ThisCpu();
  if (num_threads <= 0) num_threads = static_cast<int>(UsableCpus().size());
  RooflineRates rates;
  rates.num_threads = num_threads;
  FOREGATE_ASSIGN_OR_RETURN(const Rate read, MeasureRead(cpu, num_threads, kReadBytes / num_threads, kOptions));
  rates.read_bytes_per_second = read.median;
  for (const DotInstruction& instruction : DotInstructions()) {
    if (!UsableHere(instruction, cpu) || !Computes(instruction, format)) continue;
    FOREGATE_ASSIGN_OR_RETURN(const Rate dot, MeasureDot(instruction, num_threads,
                                                         {.num_windows = 3, .window = std::chrono::milliseconds(20)}));
    if (dot.median <= rates.ops_per_second) continue;
    rates.ops_per_second = dot.median;
    rates.instruction = instruction.name;
  }
  // A machine without integer dot products computes them as floats.
  if (rates.ops_per_second == 0 && format != "f32") {
    FOREGATE_ASSIGN_OR_RETURN(const RooflineRates floats, MeasureRooflineRates(num_threads, "f32"));
    rates.ops_per_second = floats.ops_per_second;
    rates.instruction = floats.instruction;
  }
  return rates;
}

}  // namespace foregate
