#include "kernels/weights/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace foregate {

void QuantizeActivations(const float* x, int64_t n, int64_t group, int8_t* values, float* scales, int32_t* sums) {
  for (int64_t first = 0; first < n; first += group, ++scales, ++sums) {
    const int64_t last = std::min(first + group, n);
    float largest = 0.0f;
    bool finite = true;
    for (int64_t i = first; i < last; ++i) {
      finite = finite && std::isfinite(x[i]);
      largest = std::max(largest, std::fabs(x[i]));
    }
    const float inverse = 127.0f / largest;
    const bool zero = !finite || !std::isfinite(inverse);
    *scales = !finite ? std::numeric_limits<float>::quiet_NaN() : zero ? 0.0f : largest / 127.0f;
    *sums = 0;
    for (int64_t i = first; i < last; ++i) {
      values[i] = zero ? int8_t{0} : static_cast<int8_t>(std::nearbyint(x[i] * inverse));
      *sums += values[i];
    }
  }
}

}  // namespace foregate
