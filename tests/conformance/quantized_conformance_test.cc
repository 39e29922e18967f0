// Products with quantized weights: every path gives the reference's bits, and the reference is what
// kernels/weights/quantize.h writes down.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/weights/pack.h"
#include "kernels/weights/quantize.h"
#include "tests/conformance/execution_path.h"
#include "tests/conformance/host_tensor.h"
#include "tests/conformance/product_case.h"

namespace foregate::conformance {
namespace {

constexpr double kRounding = 0x1p-24;
constexpr WeightFormat kFormats[] = {WeightFormat::kInt8, WeightFormat::kInt8G32, WeightFormat::kInt4G128,
                                     WeightFormat::kInt4G32};

HostTensor WeightOf(const ProductCase& test) {
  return HostTensor::Random(DType::kBf16, {test.outputs, test.inputs}, 2, 0.05f);
}

std::vector<ProductCase> Cases() {
  std::vector<ProductCase> cases;
  for (const WeightFormat format : kFormats) {
    // Around the units (4 and 8 inputs), the blocks of 32 and the groups.
    for (const int64_t inputs : {1, 3, 4, 7, 8, 31, 32, 33, 40, 63, 64, 127, 128, 129, 257, 300}) {
      cases.push_back({3, 18, inputs, format});
    }
    // Around the tiles of rows, with one panel, two, and many of which the last is partial.
    for (int64_t rows = 1; rows <= 20; ++rows) cases.push_back({rows, rows % 3 == 0 ? 16 : 75, 72, format});
    for (const int64_t outputs : {1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 80}) {
      cases.push_back({6, outputs, 96, format});
      cases.push_back({1, outputs, 160, format});
    }
    // Large enough to be split over threads; longer than what a tile prepares at once.
    cases.push_back({1, 517, 1030, format});
    cases.push_back({9, 131, 515, format});
    cases.push_back({3, 16, 8200, format});
  }
  return cases;
}

HostTensor RunLinear(Backend& backend, const ProductCase& test, const HostTensor& x) {
  return RunLinear(backend, test, x, [&](Bench& bench) { return bench.PutMatrix(WeightOf(test), test.format); });
}

using QuantizedConformance = ConformanceTest;

TEST_P(QuantizedConformance, EqualsTheReferenceBitForBit) {
  for (const ProductCase& test : Cases()) {
    EXPECT_EQ(Difference(RunLinear(path_, test, test.x()), RunLinear(ref_, test, test.x())), "") << test.name();
  }
}

TEST_P(QuantizedConformance, RowsThatAreZeroTinyHugeOrNotFinite) {
  for (const WeightFormat format : kFormats) {
    const ProductCase test = {14, 20, 150, format};
    const HostTensor x = SpecialRows(test, 140);
    const HostTensor out = RunLinear(path_, test, x);
    EXPECT_EQ(Difference(out, RunLinear(ref_, test, x)), "") << test.name();
    for (int64_t t = 0; t < test.rows; ++t) {
      for (int64_t n = 0; n < test.outputs; ++n) {
        ASSERT_EQ(std::isnan(out.at(t * test.outputs + n)), t >= 10) << test.name() << " at " << t << ", " << n;
        if (t <= 4 && t % 2 == 0) {
          ASSERT_EQ(out.at(t * test.outputs + n), 0) << test.name() << " at " << t;
        }
      }
    }
  }
}

TEST_P(QuantizedConformance, ARowDoesNotDependOnItsCompany) {
  for (const WeightFormat format : kFormats) {
    const ProductCase test = {11, 37, 200, format};
    ExpectRowsNotToDependOnTheirCompany(test, [&](const HostTensor& x) { return RunLinear(path_, test, x); });
  }
}

TEST_P(QuantizedConformance, AnOutputDoesNotDependOnTheOthersOfItsMatrix) {
  for (const WeightFormat format : kFormats) {
    const ProductCase test = {5, 96, 136, format};
    Bench bench(path_);
    LinearArgs args;
    args.x = bench.Put(test.x());
    args.weight = bench.PutMatrix(WeightOf(test), format);
    args.out = bench.Put(HostTensor(DType::kF32, {5, 96}));
    ASSERT_TRUE(bench.kernels().Linear(args, bench.stream()).ok());
    const HostTensor whole = bench.Get(args.out);
    for (int64_t first = 0; first < 96; first += 16) {
      LinearArgs part = args;
      const size_t offset = PackedBytes(format, first, test.inputs);
      part.weight.data = static_cast<std::byte*>(args.weight.data) + offset;
      part.weight.num_outputs = std::min<int64_t>(20, 96 - first);
      part.out = bench.Put(HostTensor(DType::kF32, {5, part.weight.num_outputs}));
      ASSERT_TRUE(bench.kernels().Linear(part, bench.stream()).ok());
      const HostTensor out = bench.Get(part.out);
      for (int64_t i = 0; i < out.num_elements(); ++i) {
        const int64_t row = i / part.weight.num_outputs;
        ASSERT_EQ(out.at(i), whole.at(row * 96 + first + i % part.weight.num_outputs)) << WeightFormatName(format);
      }
    }
  }
}

// Experts take their rows by index, and the rows between gate-up and down are quantized in their turn.
HostTensor RunExperts(Backend& backend, WeightFormat gate_up, WeightFormat down, int64_t rows) {
  constexpr int64_t kExperts = 3, kHidden = 136, kFfn = 72;
  Bench bench(backend);
  std::vector<int32_t> token_of;
  std::vector<int32_t> offsets = {0};
  for (int64_t e = 0; e < kExperts; ++e) {
    // No row, one, and all but each third, downwards.
    for (int64_t t = rows - 1; t >= 0 && e > 0; --t) {
      if (e == 1 ? t == rows / 2 : t % 3 != 1) token_of.push_back(static_cast<int32_t>(t));
    }
    offsets.push_back(static_cast<int32_t>(token_of.size()));
  }
  const auto entries = static_cast<int64_t>(token_of.size());
  GroupedFfnArgs args;
  args.x = bench.Put(HostTensor::Random(DType::kF32, {rows, kHidden}, 5));
  args.token_of = bench.Put(HostTensor::I32({entries}, token_of));
  args.offsets = bench.Put(HostTensor::I32({kExperts + 1}, offsets));
  args.scratch = bench.Put(HostTensor(DType::kF32, {entries, 2 * kFfn}));
  args.y = bench.Put(HostTensor(DType::kF32, {entries, kHidden}));
  for (int64_t e = 0; e < kExperts; ++e) {
    const auto matrix = [&](int64_t outputs, int64_t inputs, uint64_t seed, WeightFormat format) {
      return bench.PutMatrix(HostTensor::Random(DType::kF32, {outputs, inputs}, seed + static_cast<uint64_t>(e)),
                             format);
    };
    args.experts.push_back({static_cast<int32_t>(e), matrix(kFfn, kHidden, 10, gate_up),
                            matrix(kFfn, kHidden, 20, gate_up), matrix(kHidden, kFfn, 30, down)});
  }
  EXPECT_TRUE(bench.kernels().GroupedFfn(args, bench.stream()).ok());
  return bench.Get(args.y);
}

TEST_P(QuantizedConformance, ExpertsEqualTheReferenceBitForBit) {
  for (const WeightFormat format : kFormats) {
    for (const int64_t rows : {2, 5, 13, 31}) {
      EXPECT_EQ(Difference(RunExperts(path_, format, format, rows), RunExperts(ref_, format, format, rows)), "")
          << WeightFormatName(format) << ", " << rows << " rows";
    }
  }
  for (const auto& [gate_up, down] :
       {std::pair{WeightFormat::kInt4G32, WeightFormat::kInt8}, std::pair{WeightFormat::kBf16, WeightFormat::kInt8G32},
        std::pair{WeightFormat::kInt8, WeightFormat::kBf16}}) {
    EXPECT_EQ(Difference(RunExperts(path_, gate_up, down, 9), RunExperts(ref_, gate_up, down, 9)), "")
        << WeightFormatName(gate_up) << " and " << WeightFormatName(down);
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, QuantizedConformance, AllExecutionPaths(), NameOf);

// In double, over the integers and scales themselves. A group's term meets the rounding of its integer sum, that of the
// product of scales and, in the chain, one per group from its own on: |error| <= (groups + 2) u sum |term|, to first
// order; one more u covers the higher orders.
TEST(QuantizedReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const ProductCase& test : Cases()) {
    const HostTensor out = RunLinear(ref, test, test.x());
    const HostTensor x = test.x();
    HostTensor weight = WeightOf(test);
    WeightMatrix matrix = {nullptr, test.format, test.outputs, test.inputs};
    std::vector<std::byte> packed(matrix.num_bytes());
    matrix.data = packed.data();
    PackRows(weight.view(), 0, matrix);
    const int64_t group = GroupInputs(test.format, test.inputs);
    const int64_t num_groups = NumGroups(test.format, test.inputs);
    std::vector<int8_t> values(static_cast<size_t>(test.inputs));
    std::vector<float> scales(static_cast<size_t>(num_groups));
    std::vector<int32_t> sums(scales.size());
    for (int64_t t = 0; t < test.rows; ++t) {
      QuantizeActivations(x.f32() + t * test.inputs, test.inputs, group, values.data(), scales.data(), sums.data());
      for (int64_t n = 0; n < test.outputs; ++n) {
        double sum = 0;
        double norm = 0;
        for (int64_t g = 0; g < num_groups; ++g) {
          double term = 0;
          for (int64_t k = g * group; k < std::min(test.inputs, (g + 1) * group); ++k) {
            term += values[static_cast<size_t>(k)] * UnpackInteger(matrix, n, k);
          }
          term *= static_cast<double>(scales[static_cast<size_t>(g)]) * UnpackScale(matrix, n, g * group);
          sum += term;
          norm += std::abs(term);
        }
        const double tolerance = (static_cast<double>(num_groups) + 3) * kRounding * norm;
        ASSERT_NEAR(out.at(t * test.outputs + n), sum, tolerance) << test.name() << " at " << t << ", " << n;
      }
    }
  }
}

}  // namespace
}  // namespace foregate::conformance
