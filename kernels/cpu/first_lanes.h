// What is stored of a register at the edge of a matrix, for a vector type V of lane_kernels.h and under its rules.
#ifndef FOREGATE_KERNELS_CPU_FIRST_LANES_H_
#define FOREGATE_KERNELS_CPU_FIRST_LANES_H_

#include <cstdint>

namespace foregate::internal {

template <typename V>
struct FirstLanes {
  // The first `count` lanes, if any.
  static void Store(typename V::Part part, float* to, int64_t count) {
    if (count >= V::kLanes) return V::Store(to, part);
    float lanes[V::kLanes];
    V::Store(lanes, part);
    for (int64_t i = 0; i < V::kLanes; ++i) {
      if (i < count) to[i] = lanes[i];
    }
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_FIRST_LANES_H_
