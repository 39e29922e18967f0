#include "kernels/base/arg_max.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

namespace foregate {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();
constexpr float kLargestFinite = std::numeric_limits<float>::max();

// The compiler's generic vectors, in registers that every x86-64 has; four at a time, so that one comparison need not
// wait for the one before. A vocabulary is walked once per token: compared one by one, that cost more than everything
// else around a step.
constexpr size_t kLanes = 4;
constexpr size_t kVectors = 4;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using LaneMask = int32_t __attribute__((vector_size(kLanes * sizeof(float))));

struct BlockMaximum {
  float value = kMasked;
  bool finite = true;  // no NaN, no +infinity
};

BlockMaximum MaximumOf(std::span<const float> block) {
  Lanes maxima[kVectors];
  LaneMask finite[kVectors];
  std::fill_n(maxima, kVectors, kMasked - Lanes{});
  std::fill_n(finite, kVectors, ~LaneMask{});
  size_t i = 0;
  for (; i + kVectors * kLanes <= block.size(); i += kVectors * kLanes) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      Lanes x;
      std::memcpy(&x, block.data() + i + v * kLanes, sizeof(x));
      maxima[v] = x > maxima[v] ? x : maxima[v];
      finite[v] &= x <= kLargestFinite;
    }
  }
  BlockMaximum result;
  const auto add = [&](float x, bool is_finite) {
    result.value = std::max(result.value, x);
    result.finite &= is_finite;
  };
  for (size_t v = 0; v < kVectors; ++v)
    for (size_t lane = 0; lane < kLanes; ++lane) add(maxima[v][lane], finite[v][lane] != 0);
  for (; i < block.size(); ++i) add(block[i], block[i] <= kLargestFinite);
  return result;
}

}  // namespace

int32_t ArgMax(std::span<const float> x) {
  constexpr size_t kBlock = 1024;  // searched a second time for the place of its maximum
  float best = kMasked;
  size_t best_block = 0;
  bool finite = true;
  for (size_t begin = 0; begin < x.size(); begin += kBlock) {
    const BlockMaximum maximum = MaximumOf(x.subspan(begin, std::min(kBlock, x.size() - begin)));
    finite &= maximum.finite;
    if (maximum.value > best) {
      best = maximum.value;
      best_block = begin;
    }
  }
  if (!finite) return kNotANumber;
  if (best == kMasked) return kAllMasked;
  size_t i = best_block;
  while (x[i] != best) ++i;
  return static_cast<int32_t>(i);
}

}  // namespace foregate
