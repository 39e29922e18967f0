// What conformance tests of products with integer weights have in common, whatever the weights are.
#ifndef FOREGATE_TESTS_CONFORMANCE_PRODUCT_CASE_H_
#define FOREGATE_TESTS_CONFORMANCE_PRODUCT_CASE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/api/kernels.h"
#include "tests/conformance/host_tensor.h"

namespace foregate::conformance {

struct ProductCase {
  int64_t rows, outputs, inputs;
  WeightFormat format;

  std::string name() const;
  HostTensor x() const { return HostTensor::Random(DType::kF32, {rows, inputs}, 1); }
};

// x times the matrix that `put` makes.
HostTensor RunLinear(Backend& backend, const ProductCase& test, const HostTensor& x,
                     const std::function<WeightMatrix(Bench&)>& put);

// The case's x, of 14 rows: for zero, minus zero, a subnormal, a tiny number, the largest, infinity and NaN in turn a
// row of nothing else, and one with a single such element, the i-th at input `at` + i.
HostTensor SpecialRows(const ProductCase& test, int64_t at);

// run(x) gives a row the same bits alone, beside its neighbour, and with all that follow.
void ExpectRowsNotToDependOnTheirCompany(const ProductCase& test,
                                         const std::function<HostTensor(const HostTensor&)>& run);

}  // namespace foregate::conformance

#endif  // FOREGATE_TESTS_CONFORMANCE_PRODUCT_CASE_H_
