// Products with weights in GGUF's block formats: every path gives the reference's bits, and the reference is what
// kernels/weights/quantize.h writes down.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/weights/pack.h"
#include "kernels/weights/quantize.h"
#include "kernels/weights/random_blocks.h"
#include "tests/conformance/execution_path.h"
#include "tests/conformance/host_tensor.h"
#include "tests/conformance/product_case.h"

namespace foregate::conformance {
namespace {

constexpr double kRounding = 0x1p-24;
constexpr uint32_t kSeed = 7;

std::vector<ProductCase> Cases() {
  std::vector<ProductCase> cases;
  for (const WeightFormat format : kBlockFormats) {
    const int64_t block = BlockInputs(format);
    for (const int64_t blocks : {1, 2, 3}) cases.push_back({3, 18, blocks * block, format});
    // Around the tiles of rows, with one panel, two, and many of which the last is partial.
    for (int64_t rows = 1; rows <= 9; ++rows) cases.push_back({rows, rows % 3 == 0 ? 16 : 75, block, format});
    for (const int64_t outputs : {1, 15, 17, 63, 64, 80}) cases.push_back({1, outputs, block, format});
    // Large enough to be split over threads.
    cases.push_back({1, 517, 512, format});
  }
  // Longer than what a tile prepares at once.
  cases.push_back({3, 16, 8448, WeightFormat::kIq4Nl});
  return cases;
}

HostTensor RunLinear(Backend& backend, const ProductCase& test, const HostTensor& x) {
  return RunLinear(backend, test, x,
                   [&](Bench& bench) { return bench.PutBlocks(test.outputs, test.inputs, test.format, kSeed); });
}

using BlockConformance = ConformanceTest;

TEST_P(BlockConformance, EqualsTheReferenceBitForBit) {
  for (const ProductCase& test : Cases()) {
    EXPECT_EQ(Difference(RunLinear(path_, test, test.x()), RunLinear(ref_, test, test.x())), "") << test.name();
  }
}

TEST_P(BlockConformance, RowsThatAreZeroTinyHugeOrNotFinite) {
  for (const WeightFormat format : kBlockFormats) {
    const ProductCase test = {14, 20, 512, format};
    const HostTensor x = SpecialRows(test, 500);
    const HostTensor out = RunLinear(path_, test, x);
    EXPECT_EQ(Difference(out, RunLinear(ref_, test, x)), "") << test.name();
    for (int64_t t = 0; t < test.rows; ++t) {
      for (int64_t n = 0; n < test.outputs; ++n) {
        // The largest rows may overflow and cancel; those with a value that is not finite have no choice.
        if (t < 8 || t >= 10) {
          ASSERT_EQ(std::isnan(out.at(t * test.outputs + n)), t >= 10) << test.name() << " at " << t << ", " << n;
        }
        if (t <= 4 && t % 2 == 0) {
          ASSERT_EQ(out.at(t * test.outputs + n), 0) << test.name() << " at " << t;
        }
      }
    }
  }
}

TEST_P(BlockConformance, ARowDoesNotDependOnItsCompany) {
  for (const WeightFormat format : kBlockFormats) {
    const ProductCase test = {7, 37, 256, format};
    ExpectRowsNotToDependOnTheirCompany(test, [&](const HostTensor& x) { return RunLinear(path_, test, x); });
  }
}

// Experts take their rows by index, and the rows between gate-up and down are quantized in their turn.
HostTensor RunExperts(Backend& backend, WeightFormat gate_up, WeightFormat down, int64_t rows) {
  constexpr int64_t kExperts = 2, kHidden = 256, kFfn = 256;
  Bench bench(backend);
  std::vector<int32_t> token_of;
  std::vector<int32_t> offsets = {0};
  for (int64_t e = 0; e < kExperts; ++e) {
    for (int64_t t = rows - 1; t >= 0; --t) {
      if (e == 0 ? t == rows / 2 : t % 3 != 1) token_of.push_back(static_cast<int32_t>(t));
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
  for (int32_t e = 0; e < kExperts; ++e) {
    const auto seed = static_cast<uint32_t>(e);
    args.experts.push_back({e, bench.PutBlocks(kFfn, kHidden, gate_up, 10 + seed),
                            bench.PutBlocks(kFfn, kHidden, gate_up, 20 + seed),
                            bench.PutBlocks(kHidden, kFfn, down, 30 + seed)});
  }
  EXPECT_TRUE(bench.kernels().GroupedFfn(args, bench.stream()).ok());
  return bench.Get(args.y);
}

TEST_P(BlockConformance, ExpertsEqualTheReferenceBitForBit) {
  for (const auto& [gate_up, down] :
       {std::pair{WeightFormat::kQ4K, WeightFormat::kQ6K}, std::pair{WeightFormat::kQ5K, WeightFormat::kIq4Nl},
        std::pair{WeightFormat::kMxfp4, WeightFormat::kQ4K}}) {
    constexpr int64_t kRows = 7;
    EXPECT_EQ(Difference(RunExperts(path_, gate_up, down, kRows), RunExperts(ref_, gate_up, down, kRows)), "")
        << WeightFormatName(gate_up) << " and " << WeightFormatName(down);
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, BlockConformance, AllExecutionPaths(), NameOf);

// In double, over the values that the panels stand for and the quantized activations. A group adds one term, or two
// with minima; each meets at most two roundings of its own and, in the chain, one per term from its own on:
// |error| <= (terms + 2) u sum |term|, to first order; one more u covers the higher orders.
TEST(BlockReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const WeightFormat format : kBlockFormats) {
    const ProductCase test = {4, 21, 768, format};
    const HostTensor out = RunLinear(ref, test, test.x());
    const HostTensor x = test.x();
    const std::vector<std::byte> blocks = RandomBlocks(format, test.outputs, test.inputs, kSeed);
    WeightMatrix matrix = {nullptr, format, test.outputs, test.inputs};
    std::vector<std::byte> packed(matrix.num_bytes());
    matrix.data = packed.data();
    PackBlocks(blocks.data(), test.outputs, 0, matrix);
    const int64_t group = GroupInputs(format, test.inputs);
    const int64_t num_groups = NumGroups(format, test.inputs);
    std::vector<int8_t> values(static_cast<size_t>(test.inputs));
    std::vector<float> scales(static_cast<size_t>(num_groups));
    std::vector<int32_t> sums(scales.size());
    for (int64_t t = 0; t < test.rows; ++t) {
      QuantizeActivations(x.f32() + t * test.inputs, test.inputs, group, values.data(), scales.data(), sums.data());
      for (int64_t n = 0; n < test.outputs; ++n) {
        double sum = 0;
        double norm = 0;
        for (int64_t k = 0; k < test.inputs; ++k) {
          const double input =
              static_cast<double>(values[static_cast<size_t>(k)]) * scales[static_cast<size_t>(k / group)];
          const double integer = UnpackInteger(matrix, n, k);
          const double product = input * integer * UnpackScale(matrix, n, k);
          const double taken = input * UnpackMinimum(matrix, n, k);
          sum += product - taken;
          norm += std::abs(product) + std::abs(taken);
        }
        const double terms = static_cast<double>(num_groups) * (HasMinima(format) ? 2 : 1);
        ASSERT_NEAR(out.at(t * test.outputs + n), sum, (terms + 3) * kRounding * norm)
            << test.name() << " at " << t << ", " << n;
      }
    }
  }
}

}  // namespace
}  // namespace foregate::conformance
