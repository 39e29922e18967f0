#include "tests/conformance/product_case.h"

#include <algorithm>
#include <limits>

#include "gtest/gtest.h"

namespace foregate::conformance {

std::string ProductCase::name() const {
  return std::to_string(rows) + "x" + std::to_string(outputs) + "x" + std::to_string(inputs) + " " +
         WeightFormatName(format);
}

HostTensor RunLinear(Backend& backend, const ProductCase& test, const HostTensor& x,
                     const std::function<WeightMatrix(Bench&)>& put) {
  Bench bench(backend);
  LinearArgs args;
  args.x = bench.Put(x);
  args.weight = put(bench);
  args.out = bench.Put(HostTensor::Random(DType::kF32, {x.shape()[0], test.outputs}, 99));
  EXPECT_TRUE(bench.kernels().Linear(args, bench.stream()).ok());
  return bench.Get(args.out);
}

HostTensor SpecialRows(const ProductCase& test, int64_t at) {
  const float values[] = {0.0f,
                          -0.0f,
                          1e-45f,
                          -3e-38f,
                          std::numeric_limits<float>::max(),
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()};
  HostTensor x = test.x();
  for (int64_t i = 0; i < 7; ++i) {
    std::fill_n(x.f32() + 2 * i * test.inputs, test.inputs, values[i]);
    x.f32()[(2 * i + 1) * test.inputs + at + i] = values[i];
  }
  return x;
}

void ExpectRowsNotToDependOnTheirCompany(const ProductCase& test,
                                         const std::function<HostTensor(const HostTensor&)>& run) {
  const HostTensor all = run(test.x());
  for (int64_t first = 0; first < test.rows; ++first) {
    for (const int64_t count : {int64_t{1}, int64_t{2}, test.rows - first}) {
      if (first + count > test.rows) continue;
      const HostTensor some = run(test.x().Rows(first, count));
      ASSERT_EQ(Difference(some, all.Rows(first, count)), "") << test.name() << " rows from " << first;
    }
  }
}

}  // namespace foregate::conformance
