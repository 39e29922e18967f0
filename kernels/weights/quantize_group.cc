// In vectors of four, the width that every x86-64 has; four of them fix the order of every sum.
#include "kernels/weights/quantize_group.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/base/float_types.h"

namespace foregate::internal {
namespace {

using Vector = float __attribute__((vector_size(16)));
constexpr int64_t kLanes = 4;
constexpr int64_t kVectors = 4;
// Adding this leaves round(value) in the low bits of the sum (ties to even), for |value| < 2^22.
constexpr float kRoundToInteger = 0x1.8p+23f;
constexpr float kLargestF16 = 65504.0f;

// Where the value of largest magnitude is mapped to, over -8.
constexpr float kStretches[] = {1.0f, 0.86f, 0.9f, 0.94f, 0.97f, 1.03f, 1.06f, 1.1f};

Vector Set(float value) { return Vector{value, value, value, value}; }

Vector Load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

// The bound when x is NaN.
Vector Max(Vector x, Vector bound) { return x > bound ? x : bound; }
Vector Min(Vector x, Vector bound) { return x < bound ? x : bound; }
Vector Clamp(Vector x, float low, float high) { return Min(Max(x, Set(low)), Set(high)); }

float SumOf(Vector v) { return (v[0] + v[2]) + (v[1] + v[3]); }

struct Fit {
  float products;  // sum of x * q
  float squares;   // sum of q * q
};

// Of q = round(x * stretch) within [-8, 7].
Fit FitInt4(const float* x, int64_t n, float stretch) {
  Vector products[kVectors] = {};
  Vector squares[kVectors] = {};
  for (int64_t i = 0; i < n; i += kLanes * kVectors) {
#pragma GCC unroll 4
    for (int64_t v = 0; v < kVectors; ++v) {
      const Vector value = Load(x + i + v * kLanes);
      const Vector rounded = (value * Set(stretch) + Set(kRoundToInteger)) - Set(kRoundToInteger);
      const Vector q = Clamp(rounded, -8.0f, 7.0f);
      products[v] += value * q;
      squares[v] += q * q;
    }
  }
  return {SumOf((products[0] + products[2]) + (products[1] + products[3])),
          SumOf((squares[0] + squares[2]) + (squares[1] + squares[3]))};
}

// The value of largest magnitude, with its sign; of two the positive one.
float LargestValue(const float* x, int64_t n) {
  Vector highest = {};
  Vector lowest = {};
  for (int64_t i = 0; i < n; i += kLanes) {
    highest = Max(Load(x + i), highest);
    lowest = Min(Load(x + i), lowest);
  }
  float high = 0.0f;
  float low = 0.0f;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    high = highest[lane] > high ? highest[lane] : high;
    low = lowest[lane] < low ? lowest[lane] : low;
  }
  return high >= -low ? high : low;
}

// The scale of least squared error, in units of the group's own scale, in which its largest value is -8.
float BestScaleInt4(const float* x, int64_t n) {
  float best_gain = -1.0f;
  float best_scale = 0.0f;
  for (const float stretch : kStretches) {
    const Fit fit = FitInt4(x, n, stretch);
    // The squared error is sum(x * x) - gain.
    const float gain = fit.products * fit.products / fit.squares;
    if (gain > best_gain) {
      best_gain = gain;
      best_scale = fit.products / fit.squares;
    }
  }
  return best_scale;
}

// Saturates.
uint16_t ScaleToF16(float scale) { return F32ToF16(Clamp(Set(scale), -kLargestF16, kLargestF16)[0]); }

uint16_t RoundWithScale(const float* x, int64_t n, uint16_t scale, float low, float high, int8_t* values) {
  const float widened = F16ToF32(scale);
  RoundToIntegers(x, n, widened == 0.0f ? 0.0f : 1.0f / widened, low, high, values);
  return widened == 0.0f ? uint16_t{0} : scale;
}

}  // namespace

float LargestMagnitude(const float* x, int64_t n) {
  const float value = LargestValue(x, n);
  return value < 0.0f ? -value : value;
}

void RoundToIntegers(const float* x, int64_t n, float inverse_scale, float low, float high, int8_t* values) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const Vector rounded = Clamp(Load(x + i) * Set(inverse_scale), low, high) + Set(kRoundToInteger);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      values[i + lane] = static_cast<int8_t>(std::bit_cast<uint32_t>(rounded[lane]) & 0xffu);
    }
  }
}

uint16_t QuantizeGroupInt8(const float* x, int64_t n, int8_t* values) {
  const float largest = LargestMagnitude(x, n);
  uint16_t scale = ScaleToF16(largest / 127.0f);
  // Only a subnormal scale rounds so far down that the largest value would need more than 127.
  if (F16ToF32(scale) * 127.5f < largest && F16ToF32(scale) < kLargestF16) ++scale;
  return RoundWithScale(x, n, scale, -127.0f, 127.0f, values);
}

uint16_t QuantizeGroupInt4(const float* x, int64_t n, int8_t* values) {
  constexpr int64_t kMaxGroup = 128;
  const float unit = LargestValue(x, n) / -8.0f;
  const float inverse = 1.0f / unit;
  // Of size [-8, 8], so that no sum overflows.
  float scaled[kMaxGroup];
  float scale = 0.0f;
  if (std::isfinite(inverse)) {
    for (int64_t i = 0; i < n; ++i) scaled[i] = x[i] * inverse;
    scale = BestScaleInt4(scaled, n) * unit;
  }
  return RoundWithScale(x, n, ScaleToF16(scale), -8.0f, 7.0f, values);
}

}  // namespace foregate::internal
