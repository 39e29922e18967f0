// The inner kernels, written once over a vector type V that each instruction set defines in its own file.
//
// V::Part is a register of V::kLanes f32 lanes, V::kParts of them make the 16 lanes of the written arithmetic. V lives
// in an unnamed namespace, which gives every instantiation internal linkage: code for one instruction set is never
// linked into another. For the same reason nothing here calls a function of another header.
#ifndef FOREGATE_KERNELS_CPU_LANE_KERNELS_H_
#define FOREGATE_KERNELS_CPU_LANE_KERNELS_H_

#include <cstdint>

#include "kernels/api/block_formats.h"
#include "kernels/base/exp_polynomial.h"
#include "kernels/cpu/float_panel_kernels.h"
#include "kernels/cpu/int_panel_kernels.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/k_panel_kernels.h"
#include "kernels/cpu/span_kernels.h"

namespace foregate::internal {

template <typename V>
struct LaneKernels {
  using Part = typename V::Part;
  static constexpr int kSumLanes = V::kLanes * V::kParts;
  static_assert(kSumLanes == 16);

  // The first `count` elements of a part, zeros behind them.
  template <typename W>
  static Part LoadFirst(const W* from, int64_t count) {
    W elements[V::kLanes] = {};
    for (int64_t i = 0; i < count; ++i) elements[i] = from[i];
    return V::Load(elements);
  }

  static void StoreFirst(Part part, float* to, int64_t count) {
    float elements[V::kLanes];
    V::Store(elements, part);
    for (int64_t i = 0; i < count; ++i) to[i] = elements[i];
  }

  // Calls body(offset, load, store) over [0, n) in parts; the accessors hide the partial end.
  template <typename Body>
  static void ForParts(int64_t n, Body body) {
    int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes) {
      body(
          i, [](const auto* from) { return V::Load(from); }, [](Part part, float* to) { V::Store(to, part); });
    }
    if (i == n) return;
    const int64_t rest = n - i;
    body(
        i, [rest](const auto* from) { return LoadFirst(from, rest); },
        [rest](Part part, float* to) { StoreFirst(part, to, rest); });
  }

  static Part Exp(Part x) {
    x = V::Min(V::Set(kExpMax), V::Max(V::Set(kExpMin), x));
    const Part shifted = V::Fma(x, V::Set(kLog2E), V::Set(kRoundToInteger));
    const Part n = V::Sub(shifted, V::Set(kRoundToInteger));
    Part r = V::Fma(n, V::Set(-kLn2High), x);
    r = V::Fma(n, V::Set(-kLn2Low), r);
    Part p = V::Set(kExpCoefficients[kNumExpCoefficients - 1]);
    for (int i = kNumExpCoefficients - 2; i >= 0; --i) p = V::Fma(p, r, V::Set(kExpCoefficients[i]));
    p = V::Fma(p, r, V::Set(1.0f));
    p = V::Fma(p, r, V::Set(1.0f));
    return V::ScaleByExponent(p, shifted);
  }

  // The sum in lanes of n elements, each of which `add(sums, elements)` adds to its lane. g++ keeps the sums in
  // registers only if every index is a constant, hence the unrolling.
  template <typename Add>
  static float SumInLanes(const float* x, int64_t n, Add add) {
    Part sums[V::kParts];
    for (int part = 0; part < V::kParts; ++part) sums[part] = V::Set(0.0f);
    int64_t i = 0;
    for (; i + kSumLanes <= n; i += kSumLanes) {
#pragma GCC unroll 16
      for (int part = 0; part < V::kParts; ++part) sums[part] = add(sums[part], V::Load(x + i + part * V::kLanes));
    }
    // Lanes without an element keep their sums.
    for (int part = 0; part < V::kParts && i < n; ++part, i += V::kLanes) {
      const int64_t count = n - i < V::kLanes ? n - i : V::kLanes;
      sums[part] = V::FirstOf(count, add(sums[part], LoadFirst(x + i, count)), sums[part]);
    }
    return V::Reduce(sums);
  }

  template <typename W>
  static void RmsNorm(const float* x, const void* weight, float eps, float* out, int64_t n) {
    const float squares = SumInLanes(x, n, [](Part sums, Part a) { return V::Fma(a, a, sums); });
    const float scale = 1.0f / V::Sqrt(squares / static_cast<float>(n) + eps);
    const W* w = static_cast<const W*>(weight);
    ForParts(n, [=](int64_t i, auto load, auto store) {
      store(V::Mul(V::Mul(load(x + i), V::Set(scale)), load(w + i)), out + i);
    });
  }

  static void SiluMul(const float* gate, const float* up, float* out, int64_t n) {
    ForParts(n, [=](int64_t i, auto load, auto store) {
      const Part g = load(gate + i);
      const Part silu = V::Div(g, V::Add(V::Set(1.0f), Exp(V::Negate(g))));
      store(V::Mul(silu, load(up + i)), out + i);
    });
  }

  static void FmaRow(float scale, const float* y, float* acc, int64_t n) {
    ForParts(n, [=](int64_t i, auto load, auto store) {
      store(V::Fma(V::Set(scale), load(y + i), load(acc + i)), acc + i);
    });
  }

  static void MergeRow(const float* y, float y_scale, float acc_scale, float* acc, int64_t n) {
    ForParts(n, [=](int64_t i, auto load, auto store) {
      store(V::Fma(load(y + i), V::Set(y_scale), V::Mul(load(acc + i), V::Set(acc_scale))), acc + i);
    });
  }

  static void RopeRow(float* low, float* high, const float* cos, const float* sin, int64_t n) {
    ForParts(n, [=](int64_t i, auto load, auto store) {
      const Part a = load(low + i);
      const Part b = load(high + i);
      const Part c = load(cos + i);
      const Part s = load(sin + i);
      store(V::Fma(a, c, V::Negate(V::Mul(b, s))), low + i);
      store(V::Fma(b, c, V::Mul(a, s)), high + i);
    });
  }

  // Two passes: what is scaled is looked at for its maximum, what is exponentiated is added to its lane at once.
  static float SoftmaxNumerators(float* x, int64_t n, float scale, float* maximum) {
    *maximum = ScaleAndFindMaximum(x, n, V::Set(scale));
    const Part shift = V::Set(*maximum);
    Part sums[V::kParts];
    for (int part = 0; part < V::kParts; ++part) sums[part] = V::Set(0.0f);
    int64_t i = 0;
    for (; i + kSumLanes <= n; i += kSumLanes) {
#pragma GCC unroll 16
      for (int part = 0; part < V::kParts; ++part) {
        float* at = x + i + part * V::kLanes;
        const Part numerators = Exp(V::Sub(V::Load(at), shift));
        V::Store(at, numerators);
        sums[part] = V::Add(sums[part], numerators);
      }
    }
    // Lanes without an element keep their sums.
    for (int part = 0; part < V::kParts && i < n; ++part, i += V::kLanes) {
      const int64_t count = n - i < V::kLanes ? n - i : V::kLanes;
      const Part numerators = Exp(V::Sub(LoadFirst(x + i, count), shift));
      StoreFirst(numerators, x + i, count);
      sums[part] = V::FirstOf(count, V::Add(sums[part], numerators), sums[part]);
    }
    return V::Reduce(sums);
  }

  // The maximum does not depend on the order, so it need not follow the lanes.
  static float ScaleAndFindMaximum(float* x, int64_t n, Part scale) {
    Part largest = V::Set(-__builtin_inff());
    int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes) {
      const Part scaled = V::Mul(V::Load(x + i), scale);
      V::Store(x + i, scaled);
      largest = V::Max(largest, scaled);
    }
    if (i < n) {
      const Part scaled = V::Mul(LoadFirst(x + i, n - i), scale);
      StoreFirst(scaled, x + i, n - i);
      largest = V::FirstOf(n - i, V::Max(largest, scaled), largest);
    }
    float lanes[V::kLanes];
    V::Store(lanes, largest);
    for (int half = V::kLanes / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; ++lane) {
        lanes[lane] = lanes[lane] > lanes[lane + half] ? lanes[lane] : lanes[lane + half];
      }
    }
    return lanes[0];
  }

  static constexpr IsaTable Table(const char* name) {
    return {name,
            {FloatPanelKernels<V>::template Run<float>, FloatPanelKernels<V>::template Run<Bf16>,
             FloatPanelKernels<V>::template Run<F16>},
            {IntPanelKernels<V>::template Run<false>, IntPanelKernels<V>::template Run<false>,
             IntPanelKernels<V>::template Run<true>, IntPanelKernels<V>::template Run<true>,
             IntPanelKernels<V>::template RunCodebook<kIq4NlValues, F16>,
             IntPanelKernels<V>::template RunCodebook<kMxfp4Values, Bf16>, KTiles<V, 0>::Run, KTiles<V, 1>::Run,
             KTiles<V, 2>::Run},
            SpanKernels<V>::ScoreKeys,
            SpanKernels<V>::AddValues,
            IntPanelKernels<V>::QuantizeRow,
            {RmsNorm<float>, RmsNorm<Bf16>, RmsNorm<F16>},
            SiluMul,
            FmaRow,
            MergeRow,
            RopeRow,
            SoftmaxNumerators};
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_LANE_KERNELS_H_
