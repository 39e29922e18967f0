// KernelReach: how much of what a machine gives the kernels make use of while they decode, per format of the weights.
// Assumptions of a forecast; each has its origin in docs/benchmarks.md.
#ifndef FOREGATE_TOOLS_OFFLINE_KERNEL_REACH_H_
#define FOREGATE_TOOLS_OFFLINE_KERNEL_REACH_H_

#include <string_view>

namespace foregate {

struct KernelReach {
  double of_reading = 0;    // of plain reads from memory, with one row
  double of_computing = 0;  // of the fastest instruction, with some rows an expert
};

// bf16 and wider: decode of one stream in bf16 had 79 % (OLMoE's shape) and 88 % (Qwen3's) of what the host gave
// meanwhile; prefill in bf16 66 and 68 % of the probe's FMA.
inline constexpr KernelReach kFloatReach{.of_reading = 0.80, .of_computing = 0.66};
// 8 bits: decode of one stream in Q8_0 67 %; products of 64 rows 129 of 325 GOP/s.
inline constexpr KernelReach kInt8Reach{.of_reading = 0.67, .of_computing = 0.40};
// 4 bits: decode of one stream in Q4_K_M 72 to 78 %; 34 to 36 % of 16-bit sums in prefill and with 32 streams.
inline constexpr KernelReach kInt4Reach{.of_reading = 0.75, .of_computing = 0.35};
// 5 and 6 bits: the 8 experts of a layer in q6_k 64 to 69 % of plain reads; products as with 4 bits.
inline constexpr KernelReach kInt6Reach{.of_reading = 0.65, .of_computing = 0.35};

// Of what the probe reads from a disk that does nothing else, what reads of experts get while the model decodes. Six
// cases of OLMoE's shape read 79 to 97 % of what the probe gave (docs/benchmarks.md); why was not measured.
inline constexpr double kDiskReach = 0.85;

// `format` as WeightFormatName says it.
inline KernelReach ReachOf(std::string_view format) {
  if (format == "f32" || format == "f16" || format == "bf16") return kFloatReach;
  if (format.starts_with("int8")) return kInt8Reach;
  return format == "q5_k" || format == "q6_k" ? kInt6Reach : kInt4Reach;
}

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_KERNEL_REACH_H_
