// The inner kernels of one instruction set, as a table of functions; everything above it is free of instruction sets.
//
// Each function follows kernels/base/arithmetic.h to the bit, works on the calling thread, keeps no state and accepts
// any alignment. Plain C declarations only: files compiled for wide instruction sets include this header.
#ifndef FOREGATE_KERNELS_CPU_ISA_TABLE_H_
#define FOREGATE_KERNELS_CPU_ISA_TABLE_H_

#include <cstdint>

#include "kernels/base/bf16_products.h"
#include "kernels/cpu/panel_args.h"

namespace foregate::internal {

// 16-bit weight formats as they lie in memory.
struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};

// Indices into the arrays below, equal to the values of DType and of WeightFormat.
inline constexpr int kNumFloatFormats = 3;  // f32, bf16, f16
inline constexpr int kNumIntFormats = 9;    // those from int8 on: WeightFormat - 3

// Attention's inner kernels over pairs of bf16 (pair_spans.h).
struct PairSpanKernels {
  // Rounds n values to bf16 as the products with bf16 panels do.
  void (*round)(const float* x, int64_t n, uint16_t* to) = nullptr;
  // Rows and panels hold pairs in the place of f32; dimensions of keys and positions of values are counted in pairs.
  void (*score_keys)(const KeySpan& span) = nullptr;
  void (*add_values)(const ValueSpan& span) = nullptr;
};

struct IsaTable {
  const char* name;
  void (*float_panels[kNumFloatFormats])(const FloatPanels& panels);
  void (*int_panels[kNumIntFormats])(const IntPanels& panels);
  void (*score_keys)(const KeySpan& span);
  void (*add_values)(const ValueSpan& span);
  // QuantizeActivations of kernels/weights/quantize.h.
  void (*quantize_row)(const float* x, int64_t n, int64_t group, int8_t* values, float* scales, int32_t* sums);
  void (*rms_norm[kNumFloatFormats])(const float* x, const void* weight, float eps, float* out, int64_t n);
  void (*silu_mul)(const float* gate, const float* up, float* out, int64_t n);
  // acc = fma(scale, y, acc)
  void (*fma_row)(float scale, const float* y, float* acc, int64_t n);
  // acc = fma(y, y_scale, acc * acc_scale)
  void (*merge_row)(const float* y, float y_scale, float acc_scale, float* acc, int64_t n);
  void (*rope_row)(float* low, float* high, const float* cos, const float* sin, int64_t n);
  // x = exp(x * scale - max(x * scale)); returns the sum. *maximum receives max(x * scale).
  float (*softmax_numerators)(float* x, int64_t n, float scale, float* maximum);
  // The arithmetic of float_panels for bf16.
  Bf16Products bf16_products = Bf16Products::kChain;
  // None unless bf16_products is kPairs.
  PairSpanKernels pair_spans = {};
};

// Code for an instruction set: legal to call only where SupportedIsas() names it.
const IsaTable& PortableTable();
const IsaTable& Avx2Table();
const IsaTable& Avx512Table();
const IsaTable& Avx512VnniTable();
const IsaTable& Avx512Bf16Table();
const IsaTable& AmxTable();  // for threads of a process that may use tiles (isa_choice.h)

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ISA_TABLE_H_
