#include "engine/model/rope_table.h"

#include <cmath>
#include <cstddef>

#include "kernels/base/check.h"

namespace foregate {

RopeTable MakeRopeTable(int32_t num_positions, int32_t dim, double theta) {
  FOREGATE_CHECK(num_positions > 0 && dim > 0 && dim % 2 == 0);
  const auto half = static_cast<size_t>(dim) / 2;
  std::vector<float> frequencies(half);
  for (size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    frequencies[i] = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
  }
  RopeTable table;
  table.cos.resize(static_cast<size_t>(num_positions) * half);
  table.sin.resize(table.cos.size());
  for (size_t position = 0; position < static_cast<size_t>(num_positions); ++position) {
    for (size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(position) * frequencies[i];
      table.cos[position * half + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      table.sin[position * half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  return table;
}

}  // namespace foregate
