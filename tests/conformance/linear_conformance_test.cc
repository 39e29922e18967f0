#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/conformance/execution_path.h"
#include "tests/conformance/host_tensor.h"

namespace foregate::conformance {
namespace {

constexpr double kRounding = 0x1p-24;

struct LinearCase {
  int64_t rows, outputs, inputs;
  DType dtype;
  bool bias;

  std::string name() const {
    return std::to_string(rows) + "x" + std::to_string(outputs) + "x" + std::to_string(inputs) + " " +
           DTypeName(dtype) + (bias ? " bias" : "");
  }
  HostTensor x() const { return HostTensor::Random(DType::kF32, {rows, inputs}, 1); }
  HostTensor weight() const { return HostTensor::Random(dtype, {outputs, inputs}, 2); }
  HostTensor bias_tensor() const { return bias ? HostTensor::Random(dtype, {outputs}, 3) : HostTensor(); }
};

HostTensor RunLinear(Backend& backend, const LinearCase& test, const HostTensor& x) {
  Bench bench(backend);
  LinearArgs args;
  args.x = bench.Put(x);
  args.weight = bench.PutMatrix(test.weight());
  args.bias = bench.Put(test.bias_tensor());
  args.out = bench.Put(HostTensor::Random(DType::kF32, {x.shape()[0], test.outputs}, 99));
  EXPECT_TRUE(bench.kernels().Linear(args, bench.stream()).ok());
  return bench.Get(args.out);
}

std::vector<LinearCase> Cases() {
  std::vector<LinearCase> cases;
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kF16}) {
    // Around the units of inputs (1, 2), the panels (16 outputs) and the tiles (1 to 12 rows, 1 to 4 panels) of every
    // path, up to several tiles of rows.
    for (const int64_t inputs : {1, 7, 8, 9, 15, 16, 17, 24, 31, 33, 100}) {
      cases.push_back({3, 5, inputs, dtype, inputs % 2 == 0});
    }
    for (int64_t rows = 0; rows <= 9; ++rows) cases.push_back({rows, 13, 37, dtype, true});
    for (const int64_t outputs : {1, 2, 3, 15, 16, 17, 31, 32, 33, 48, 65}) {
      cases.push_back({5, outputs, 40, dtype, false});
    }
    // More panels than are read in place: rows are packed.
    for (int64_t rows = 7; rows <= 40; ++rows) cases.push_back({rows, 150, 5 + rows % 2, dtype, false});
    // Large enough to be split over threads, with panels and tiles that end early.
    cases.push_back({1, 517, 129, dtype, true});
    cases.push_back({7, 131, 259, dtype, false});
    cases.push_back({67, 272, 19, dtype, true});
    // Sums that pass through memory between blocks of inputs (1024 and 2048).
    cases.push_back({13, 144, 1025, dtype, false});
    cases.push_back({8, 131, 2051, dtype, false});
  }
  return cases;
}

using LinearConformance = ConformanceTest;

TEST_P(LinearConformance, EqualsTheReferenceBitForBit) {
  for (const LinearCase& test : Cases()) {
    EXPECT_EQ(Difference(RunLinear(path_, test, test.x()), RunLinear(ref_, test, test.x())), "") << test.name();
  }
}

TEST_P(LinearConformance, SignedZerosSubnormalsAndInfinitiesAreKept) {
  for (const int64_t inputs : {3, 16, 19}) {
    LinearCase test = {4, 6, inputs, DType::kF32, false};
    HostTensor x = test.x();
    // Products that underflow to -0 and to subnormals, and a row that overflows.
    for (int64_t i = 0; i < inputs; ++i) {
      x.f32()[i] = i % 2 == 0 ? -0x1p-149f : 0x1p-148f;
      x.f32()[inputs + i] = -0x1p-140f;
      x.f32()[2 * inputs + i] = 3e38f;
    }
    EXPECT_EQ(Difference(RunLinear(path_, test, x), RunLinear(ref_, test, x)), "") << inputs;
  }
}

TEST_P(LinearConformance, PaddingIsNotTouched) {
  // Every product underflows to -0, and so does every sum; a product with the padding of an odd K would give +0, which
  // is what bf16.tiles.v1 says.
  const bool pads = path_.device->info().numeric_contract == CpuNumericContract(Bf16Products::kTiles);
  for (Backend* backend : {&path_, &ref_}) {
    for (const WeightFormat format : {WeightFormat::kF32, WeightFormat::kBf16}) {
      for (const int64_t rows : {2, 20}) {
        Bench bench(*backend);
        HostTensor x(DType::kF32, {rows, 19});
        HostTensor weight(DType::kF32, {150, 19});
        std::fill_n(x.f32(), rows * 19, -1e-30f);
        std::fill_n(weight.f32(), 150 * 19, 0x1p-67f);
        LinearArgs args;
        args.x = bench.Put(x);
        args.weight = bench.PutMatrix(weight, format);
        args.out = bench.Put(HostTensor(DType::kF32, {rows, 150}));
        ASSERT_TRUE(bench.kernels().Linear(args, bench.stream()).ok());
        const HostTensor out = bench.Get(args.out);
        const bool is_negative = format == WeightFormat::kF32 || !pads;
        for (int64_t i = 0; i < rows * 150; ++i) EXPECT_EQ(std::signbit(out.f32()[i]), is_negative) << i;
      }
    }
  }
}

TEST_P(LinearConformance, ARowDoesNotDependOnItsCompany) {
  for (const LinearCase& test :
       {LinearCase{11, 67, 45, DType::kBf16, true}, LinearCase{9, 130, 300, DType::kF32, false}}) {
    const HostTensor all = RunLinear(path_, test, test.x());
    for (int64_t first = 0; first < test.rows; ++first) {
      for (const int64_t count : {int64_t{1}, int64_t{2}, test.rows - first}) {
        if (first + count > test.rows) continue;
        const HostTensor some = RunLinear(path_, test, test.x().Rows(first, count));
        ASSERT_EQ(Difference(some, all.Rows(first, count)), "") << test.name() << " rows from " << first;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, LinearConformance, AllExecutionPaths(), NameOf);

// A chain of K products, then the bias: each product meets at most K + bias roundings of relative size u = 2^-24, so
// |error| <= (K + 1) * u * (sum |x_k w_k| + |bias|), to first order; one more u covers the higher orders.
TEST(LinearReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const LinearCase& test : Cases()) {
    const HostTensor out = RunLinear(ref, test, test.x());
    const HostTensor x = test.x();
    const HostTensor weight = test.weight();
    const HostTensor bias = test.bias_tensor();
    for (int64_t t = 0; t < test.rows; ++t) {
      for (int64_t n = 0; n < test.outputs; ++n) {
        double sum = test.bias ? bias.at(n) : 0.0;
        double norm = std::abs(sum);
        for (int64_t k = 0; k < test.inputs; ++k) {
          const double product = x.at(t * test.inputs + k) * weight.at(n * test.inputs + k);
          sum += product;
          norm += std::abs(product);
        }
        const double tolerance = (static_cast<double>(test.inputs) + 2) * kRounding * norm;
        ASSERT_NEAR(out.at(t * test.outputs + n), sum, tolerance) << test.name() << " at " << t << ", " << n;
      }
    }
  }
}

}  // namespace
}  // namespace foregate::conformance
