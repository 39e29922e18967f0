// Few rows times bf16 panels in the order of AMX tiles, "bf16.tiles.v1" (kernels/base/bf16_arithmetic.h), by AVX-512
// FMA: bound by memory, and on processors with AMX twice as fast as vdpbf16ps. The including file provides the
// intrinsics.
#ifndef FOREGATE_KERNELS_CPU_BF16_CHAINS_H_
#define FOREGATE_KERNELS_CPU_BF16_CHAINS_H_

#include <cstdint>

#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/bf16_rows.h"
#include "kernels/cpu/panel_args.h"

namespace foregate::internal {
namespace {

// Subnormals read as zeros and flushed to zeros, rounding to nearest even, until destruction. The compiler does not
// know what arithmetic depends on it: what is computed under it is a function that is not inlined.
class FlushSubnormals {
 public:
  FlushSubnormals() : saved_(_mm_getcsr()) {
    constexpr unsigned kFlush = 0x8000, kReadAsZero = 0x0040, kRounding = 0x6000;
    _mm_setcsr((saved_ | kFlush | kReadAsZero) & ~kRounding);
  }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;
  ~FlushSubnormals() { _mm_setcsr(saved_); }

 private:
  const unsigned saved_;
};

class Bf16Chains {
 public:
  static constexpr int64_t kMaxRows = 4;

  // At most kMaxRows rows.
  static void Run(const FloatPanels& args) {
    int64_t k = 0;
    do {
      const int64_t rest = args.k_end - k;
      const int64_t count = rest < kMaxInputs ? rest : kMaxInputs;
      alignas(64) float x[kMaxRows * kMaxInputs];
      for (int64_t r = 0; r < args.num_rows; ++r) {
        RoundRow(Bf16Rows::Row(args, r) + k, count, x + r * kMaxInputs);
      }
      FlushSubnormals flush;
      RunRows(args, k, count, x);
      k += kMaxInputs;
    } while (k < args.k_end);
  }

 private:
  using V = Avx512Vector;
  using Part = V::Part;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kBlockInputs = 32;
  static constexpr int64_t kUnitBytes = 64;  // a pair of inputs
  // Of a pass: 64 KB of rows. The sums between passes are exact in `out`.
  static constexpr int64_t kMaxInputs = 4096;

  // Rounds to bf16, as f32, zeros up to a multiple of 32.
  static void RoundRow(const float* x, int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += kBlockInputs) {
      Bf16 rounded[kBlockInputs];
      Bf16Rows::RoundFirst(x + i, count - i, &rounded[0].bits);
      V::Store(to + i, V::Load(rounded));
      V::Store(to + i + 16, V::Load(rounded + 16));
    }
  }

  [[gnu::noinline]] static void RunRows(const FloatPanels& args, int64_t k, int64_t count, const float* x) {
    switch (args.num_rows) {
      case 1:
        return Panels<1, 4>(args, k, count, x, 0);
      case 2:
        return Panels<2, 4>(args, k, count, x, 0);
      case 3:
        return Panels<3, 2>(args, k, count, x, 0);
      default:
        return Panels<4, 2>(args, k, count, x, 0);
    }
  }

  // R rows times the outputs from n on, P panels at a time.
  template <int R, int P>
  static void Panels(const FloatPanels& args, int64_t k, int64_t count, const float* x, int64_t n) {
    for (; n + P * kOutputs <= args.num_outputs; n += P * kOutputs) {
      Tile<R, P>(args, k, count, x, n, args.out + n, args.out_stride);
    }
    if constexpr (P > 1) {
      Panels<R, P / 2>(args, k, count, x, n);
    } else {
      if (n < args.num_outputs) EdgeTile<R>(args, k, count, x, n);
    }
  }

  // The same for a panel of which only some outputs are wanted.
  template <int R>
  static void EdgeTile(const FloatPanels& args, int64_t k, int64_t count, const float* x, int64_t n) {
    const int64_t num_outputs = args.num_outputs - n;
    float edge[R * kOutputs] = {};
    float* const out = args.out + n;
    for (int r = 0; r < R && (k > 0 || args.accumulate); ++r) {
      for (int64_t i = 0; i < num_outputs; ++i) edge[r * kOutputs + i] = out[r * args.out_stride + i];
    }
    Tile<R, 1>(args, k, count, x, n, edge, kOutputs);
    for (int r = 0; r < R; ++r) {
      for (int64_t i = 0; i < num_outputs; ++i) out[r * args.out_stride + i] = edge[r * kOutputs + i];
    }
  }

  // Chains of a block: for each row and panel the even inputs' and the odd inputs'.
  template <int R, int P>
  struct Chains {
    Part even[R * P];
    Part odd[R * P];

    [[gnu::always_inline]] void Clear() {
#pragma GCC unroll 16
      for (int i = 0; i < R * P; ++i) even[i] = odd[i] = V::Set(0.0f);
    }
    [[gnu::always_inline]] void AddPair(const float* x, const char* unit, int64_t panel_stride) {
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const Part low = V::LoadLowHalves(unit + p * panel_stride);
        const Part high = V::LoadHighHalves(unit + p * panel_stride);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          V::AddProduct(V::Set(x[r * kMaxInputs]), low, even[r * P + p]);
          V::AddProduct(V::Set(x[r * kMaxInputs + 1]), high, odd[r * P + p]);
        }
      }
    }
    [[gnu::always_inline]] void AddTo(Part (&sums)[R * P]) const {
#pragma GCC unroll 16
      for (int i = 0; i < R * P; ++i) sums[i] = V::Add(sums[i], V::Add(even[i], odd[i]));
    }
    // What a tile adds for inputs that are not there: +0, which turns -0 into +0.
    [[gnu::always_inline]] void AddNothing() {
#pragma GCC unroll 16
      for (int i = 0; i < R * P; ++i) {
        even[i] = V::Add(even[i], V::Set(0.0f));
        odd[i] = V::Add(odd[i], V::Set(0.0f));
      }
    }
  };

  template <int R, int P>
  static void Tile(const FloatPanels& args, int64_t k, int64_t count, const float* x, int64_t n, float* out,
                   int64_t out_stride) {
    const auto stride = static_cast<int64_t>(args.panel_stride);
    const char* unit = static_cast<const char*>(args.panels) + n / kOutputs * stride + k / 2 * kUnitBytes;
    const bool fresh = k == 0 && !args.accumulate;
    Part sums[R * P];
#pragma GCC unroll 16
    for (int i = 0; i < R * P; ++i) {
      sums[i] = fresh ? V::Set(0.0f) : V::Load(out + i / P * out_stride + i % P * kOutputs);
    }
    Chains<R, P> chains;
    int64_t i = 0;
    for (; i + kBlockInputs <= count; i += kBlockInputs) {
      chains.Clear();
      for (int64_t j = 0; j < kBlockInputs; j += 2, unit += kUnitBytes) chains.AddPair(x + i + j, unit, stride);
      chains.AddTo(sums);
    }
    if (i < count) {
      const bool lacks_pairs = count - i <= kBlockInputs - 2;
      chains.Clear();
      for (; i < count; i += 2, unit += kUnitBytes) chains.AddPair(x + i, unit, stride);
      if (lacks_pairs) chains.AddNothing();
      chains.AddTo(sums);
    }
#pragma GCC unroll 16
    for (int j = 0; j < R * P; ++j) V::Store(out + j / P * out_stride + j % P * kOutputs, sums[j]);
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_BF16_CHAINS_H_
