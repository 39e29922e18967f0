#include "kernels/cpu/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/probe/machine_probe.h"

namespace foregate {
namespace {

void Judge(MachineKind kind, std::string_view name, int num_threads, double measured, double unit, Roofline* roofline) {
  const std::optional<double> figure = KnownFigure(kind, name, num_threads);
  if (ProbeCounts(figure, measured)) return;
  char text[160];
  std::snprintf(text, sizeof(text), "%s%.*s %.1f where %s reaches %.1f", roofline->shortfall.empty() ? "" : "; ",
                static_cast<int>(name.size()), name.data(), measured / unit, MachineKindName(kind), *figure / unit);
  roofline->shortfall += text;
}

// What the best rate of an instruction is good for.
void Credit(const DotInstruction& instruction, double rate, Roofline* roofline) {
  switch (instruction.operands) {
    case DotOperands::kF32:
      roofline->f32_flops = std::max(roofline->f32_flops, rate);
      roofline->bf16_flops = std::max(roofline->bf16_flops, rate);
      break;
    case DotOperands::kBf16:
      roofline->bf16_flops = std::max(roofline->bf16_flops, rate);
      return;  // rounds otherwise than f32: no measure of integer weights
    case DotOperands::kInt16:
      break;
    case DotOperands::kInt8:
      if (!instruction.sums_are_short) roofline->int8_ops = std::max(roofline->int8_ops, rate);
      roofline->int4_ops = std::max(roofline->int4_ops, rate);
      return;
  }
  roofline->int8_ops = std::max(roofline->int8_ops, rate);
  roofline->int4_ops = std::max(roofline->int4_ops, rate);
}

}  // namespace

double Roofline::BoundSeconds(double bytes, double operations, double peak_ops) const {
  return std::max(bytes / read_bytes_per_second, operations / peak_ops);
}

std::optional<double> Roofline::Fraction(double bound_seconds, double measured_seconds) const {
  if (!shortfall.empty() || measured_seconds <= 0) return std::nullopt;
  return bound_seconds / measured_seconds;
}

struct RooflineProbe::State {
  int num_threads = 1;
  std::unique_ptr<ReadProbe> read;
  std::vector<const DotInstruction*> instructions;
  Roofline limits;
};

RooflineProbe::RooflineProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
RooflineProbe::~RooflineProbe() = default;
const Roofline& RooflineProbe::limits() const { return state_->limits; }

absl::StatusOr<std::unique_ptr<RooflineProbe>> RooflineProbe::Create(int num_threads, int64_t buffer_bytes) {
  FOREGATE_CHECK_GE(num_threads, 1);
  const CpuIdentity cpu = ThisCpu();
  const MachineKind kind = KindOf(cpu);
  auto state = std::make_unique<State>();
  state->num_threads = num_threads;
  Roofline& limits = state->limits;
  limits.machine = std::string(kind == MachineKind::kUnknown ? cpu.brand.c_str() : MachineKindName(kind)) + ", " +
                   std::to_string(num_threads) + (num_threads == 1 ? " thread" : " threads");
  FOREGATE_ASSIGN_OR_RETURN(state->read, ReadProbe::Create(cpu, num_threads, buffer_bytes / num_threads));
  FOREGATE_ASSIGN_OR_RETURN(const Rate read, state->read->Measure({}));
  limits.read_bytes_per_second = read.best;
  // A buffer that caches hold a part of is no measure of memory.
  const std::vector<CacheLevel> caches = ReadCacheLevels();
  if (!caches.empty() && buffer_bytes >= 4 * caches.back().bytes) {
    Judge(kind, kMemoryRead, num_threads, read.best, 1e9, &limits);
  }
  for (const DotInstruction& instruction : DotInstructions()) {
    if (!UsableHere(instruction, cpu)) continue;
    FOREGATE_ASSIGN_OR_RETURN(const Rate rate, MeasureDot(instruction, num_threads, {.num_windows = 3}));
    Credit(instruction, rate.best, &limits);
    Judge(kind, instruction.name, num_threads, rate.best, 1e9, &limits);
    state->instructions.push_back(&instruction);
  }
  return std::unique_ptr<RooflineProbe>(new RooflineProbe(std::move(state)));
}

absl::StatusOr<Roofline> RooflineProbe::MeasureNow() {
  // Medians: the best window is what the host gives when nobody else asks, the rule here is that somebody does.
  constexpr ProbeOptions kRead = {.num_windows = 3, .window = std::chrono::milliseconds(15)};
  constexpr ProbeOptions kDot = {.num_windows = 5, .window = std::chrono::milliseconds(3)};
  Roofline now;
  FOREGATE_ASSIGN_OR_RETURN(const Rate read, state_->read->Measure(kRead));
  now.read_bytes_per_second = read.median;
  for (const DotInstruction* instruction : state_->instructions) {
    FOREGATE_ASSIGN_OR_RETURN(const Rate rate, MeasureDot(*instruction, state_->num_threads, kDot));
    Credit(*instruction, rate.median, &now);
  }
  return now;
}

absl::StatusOr<Roofline> MeasureRoofline(int num_threads, int64_t buffer_bytes) {
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<RooflineProbe> probe,
                            RooflineProbe::Create(num_threads, buffer_bytes));
  return probe->limits();
}

std::string FractionText(const std::optional<double>& fraction) {
  if (!fraction) return "probe low: no fraction";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %%", 100 * *fraction);
  return text;
}

std::string RooflineText(const Roofline& roofline) {
  char text[256];
  std::snprintf(text, sizeof(text), ": read %.1f GB/s; GFLOP/s f32 %.0f, bf16 %.0f; GOP/s int8 %.0f, int4 %.0f",
                roofline.read_bytes_per_second / 1e9, roofline.f32_flops / 1e9, roofline.bf16_flops / 1e9,
                roofline.int8_ops / 1e9, roofline.int4_ops / 1e9);
  std::string all = roofline.machine + text;
  if (!roofline.shortfall.empty()) all += "\nprobe low, so no fractions: " + roofline.shortfall;
  return all;
}

}  // namespace foregate
