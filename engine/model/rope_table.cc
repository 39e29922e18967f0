#include "engine/model/rope_table.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/base/check.h"

namespace foregate {

void FillRopeTable(int32_t num_positions, int32_t dim, double theta, std::span<float> cos, std::span<float> sin) {
  FOREGATE_CHECK(num_positions > 0 && dim > 0 && dim % 2 == 0);
  const auto half = static_cast<size_t>(dim) / 2;
  std::vector<float> frequencies(half);
  for (size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    frequencies[i] = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
  }
  FOREGATE_CHECK(cos.size() == static_cast<size_t>(num_positions) * half && sin.size() == cos.size());
  for (size_t position = 0; position < static_cast<size_t>(num_positions); ++position) {
    for (size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(position) * frequencies[i];
      cos[position * half + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sin[position * half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

}  // namespace foregate
