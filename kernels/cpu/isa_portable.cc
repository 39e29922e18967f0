// The inner kernels in plain C++, for any x86-64 and as a second reading of the arithmetic.
#include <bit>
#include <cmath>

#include "kernels/base/float_types.h"
#include "kernels/cpu/lane_kernels.h"
#include "kernels/cpu/portable_blocks.h"
#include "kernels/cpu/portable_ints.h"

namespace foregate::internal {
namespace {

struct PortableVector {
  static constexpr int kLanes = 16;
  static constexpr int kParts = 1;
  static constexpr int kMaxSums = 4;
  static constexpr int kTileRows = 2;
  static constexpr int kTilePanels = 2;
  static constexpr int kFewRows = 2;
  static constexpr int64_t StreamAhead(int streams, int64_t /*panel_stride*/) { return 2048 / streams; }
  static constexpr int64_t kPackedBytes = 64 << 10;
  struct Part {
    float lane[kLanes];
  };
  using Int8 = PortableInt8<Part>;
  using Int4 = PortableInt4<Part>;
  template <const int8_t (&kValues)[16]>
  using Codebook = PortableCodebook<Part, kValues>;
  template <int kHighBits>
  using KQuant = PortableKQuant<Part, kHighBits>;

  template <typename Function>
  static Part Each(Function function) {
    Part result;
    for (int i = 0; i < kLanes; ++i) result.lane[i] = function(i);
    return result;
  }

  static Part Set(float value) {
    return Each([=](int) { return value; });
  }
  static Part Load(const float* from) {
    return Each([=](int i) { return from[i]; });
  }
  static Part Load(const Bf16* from) {
    return Each([=](int i) { return Bf16ToF32(from[i].bits); });
  }
  static Part Load(const F16* from) {
    return Each([=](int i) { return F16ToF32(from[i].bits); });
  }
  static void Store(float* to, const Part& a) {
    for (int i = 0; i < kLanes; ++i) to[i] = a.lane[i];
  }
  static Part Fma(const Part& a, const Part& b, const Part& c) {
    return Each([&](int i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
  }
  static void AddProduct(const Part& a, const Part& b, Part& sum) { sum = Fma(a, b, sum); }
  // bf16 pairs, widened: the first and the second of each.
  static Part LoadLowHalves(const char* pairs) { return LoadHalves(pairs, 0); }
  static Part LoadHighHalves(const char* pairs) { return LoadHalves(pairs, 1); }
  static Part LoadHalves(const char* pairs, int half) {
    const auto* bits = reinterpret_cast<const uint16_t*>(pairs);
    return Each([=](int i) { return Bf16ToF32(bits[2 * i + half]); });
  }
  static Part Add(const Part& a, const Part& b) {
    return Each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Part Sub(const Part& a, const Part& b) {
    return Each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Part Mul(const Part& a, const Part& b) {
    return Each([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Part Div(const Part& a, const Part& b) {
    return Each([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  static Part Negate(const Part& a) {
    return Each([&](int i) { return -a.lane[i]; });
  }
  static Part Max(const Part& bound, const Part& x) {
    return Each([&](int i) { return bound.lane[i] > x.lane[i] ? bound.lane[i] : x.lane[i]; });
  }
  static Part Min(const Part& bound, const Part& x) {
    return Each([&](int i) { return bound.lane[i] < x.lane[i] ? bound.lane[i] : x.lane[i]; });
  }
  static Part FirstOf(int64_t count, const Part& first, const Part& rest) {
    return Each([&](int i) { return i < count ? first.lane[i] : rest.lane[i]; });
  }
  static float Sqrt(float value) { return std::sqrt(value); }
  static float Reduce(const Part (&sums)[kParts]) {
    Part lanes = sums[0];
    for (int half = kLanes / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) lanes.lane[i] += lanes.lane[i + half];
    }
    return lanes.lane[0];
  }
  // p * 2^n, where `shifted` is n + kRoundToInteger, in two factors.
  static Part ScaleByExponent(const Part& p, const Part& shifted) {
    return Each([&](int i) {
      const auto exponent =
          static_cast<int32_t>(std::bit_cast<uint32_t>(shifted.lane[i]) - std::bit_cast<uint32_t>(kRoundToInteger));
      const int32_t half = exponent >> 1;
      const auto power = [](int32_t e) { return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23); };
      return p.lane[i] * power(half) * power(exponent - half);
    });
  }
};

constexpr IsaTable kTable = LaneKernels<PortableVector>::Table("portable");

}  // namespace

const IsaTable& PortableTable() { return kTable; }

}  // namespace foregate::internal
