#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/base/float_types.h"
#include "kernels/weights/random_blocks.h"
#include "tests/conformance/execution_path.h"
#include "tests/conformance/host_tensor.h"

namespace foregate::conformance {
namespace {

constexpr double kRounding = 0x1p-24;
constexpr int64_t kWidths[] = {1, 7, 8, 9, 15, 16, 17, 33, 64, 100, 517};
constexpr DType kWeightTypes[] = {DType::kF32, DType::kBf16, DType::kF16};

// Random values with the ends of the exponential's range, infinities and NaN sprinkled in.
HostTensor WithExtremes(Shape shape, uint64_t seed) {
  HostTensor tensor = HostTensor::Random(DType::kF32, std::move(shape), seed, 10.0f);
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const float extremes[] = {0.0f,   -0.0f,   88.7f,   88.8f, -88.8f,
                            103.5f, -103.9f, -104.5f, 1e30f, -1e30f,
                            1e-40f, -1e-40f, kInf,    -kInf, std::numeric_limits<float>::quiet_NaN()};
  int64_t i = 3;
  for (const float value : extremes) {
    if (i >= tensor.num_elements()) break;
    tensor.f32()[i] = value;
    i += 5;
  }
  return tensor;
}

HostTensor RunRmsNorm(Backend& backend, DType dtype, const HostTensor& x) {
  Bench bench(backend);
  RmsNormArgs args;
  args.x = bench.Put(x);
  args.weight = bench.Put(HostTensor::Random(dtype, {x.shape()[1]}, 2));
  args.eps = 1e-6f;
  args.out = args.x;
  EXPECT_TRUE(bench.kernels().RmsNorm(args, bench.stream()).ok());
  return bench.Get(args.out);
}

HostTensor RunSwiGlu(Backend& backend, const HostTensor& gate) {
  Bench bench(backend);
  SwiGluArgs args;
  args.gate = bench.Put(gate);
  args.up = bench.Put(HostTensor::Random(DType::kF32, gate.shape(), 8));
  args.out = args.gate;
  EXPECT_TRUE(bench.kernels().SwiGlu(args, bench.stream()).ok());
  return bench.Get(args.out);
}

HostTensor RunAccumulate(Backend& backend, const HostTensor& gate_logits, int64_t rows, int64_t width) {
  Bench bench(backend);
  AccumulateArgs args;
  args.y = bench.Put(HostTensor::Random(DType::kF32, {rows, width}, 4));
  args.gate_logits = bench.Put(gate_logits);
  args.acc = bench.Put(HostTensor::Random(DType::kF32, {rows, width}, 5));
  EXPECT_TRUE(bench.kernels().Accumulate(args, bench.stream()).ok());
  return bench.Get(args.acc);
}

constexpr int64_t kMaxPositions = 12;
constexpr int64_t kRopeHeads = 3;

HostTensor RopePositions() { return HostTensor::I32({4}, {0, 11, 3, 3}); }

HostTensor RunRope(Backend& backend, int64_t head_dim, int64_t half) {
  Bench bench(backend);
  RopeArgs args;
  args.x = bench.Put(HostTensor::Random(DType::kF32, {4, kRopeHeads, head_dim}, 1));
  args.positions = bench.Put(RopePositions());
  args.cos = bench.Put(HostTensor::Random(DType::kF32, {kMaxPositions, half}, 2));
  args.sin = bench.Put(HostTensor::Random(DType::kF32, {kMaxPositions, half}, 3));
  EXPECT_TRUE(bench.kernels().Rope(args, bench.stream()).ok());
  return bench.Get(args.x);
}

using ElementwiseConformance = ConformanceTest;

TEST_P(ElementwiseConformance, RmsNorm) {
  for (const DType dtype : kWeightTypes) {
    for (const int64_t width : kWidths) {
      const HostTensor x = HostTensor::Random(DType::kF32, {5, width}, 1);
      const HostTensor all = RunRmsNorm(path_, dtype, x);
      EXPECT_EQ(Difference(all, RunRmsNorm(ref_, dtype, x)), "") << width;
      EXPECT_EQ(Difference(RunRmsNorm(path_, dtype, x.Rows(3, 1)), all.Rows(3, 1)), "") << width;
    }
  }
  const HostTensor large = HostTensor::Random(DType::kF32, {70, 517}, 1);
  EXPECT_EQ(Difference(RunRmsNorm(path_, DType::kBf16, large), RunRmsNorm(ref_, DType::kBf16, large)), "");
}

TEST_P(ElementwiseConformance, SwiGlu) {
  for (const int64_t width : kWidths) {
    const HostTensor gate = WithExtremes({9, width}, 1);
    EXPECT_EQ(Difference(RunSwiGlu(path_, gate), RunSwiGlu(ref_, gate)), "") << width;
  }
  const HostTensor large = WithExtremes({40, 1000}, 1);
  EXPECT_EQ(Difference(RunSwiGlu(path_, large), RunSwiGlu(ref_, large)), "");
}

TEST_P(ElementwiseConformance, Accumulate) {
  for (const int64_t width : kWidths) {
    for (const HostTensor& gate : {HostTensor(), WithExtremes({80, 1}, 6)}) {
      EXPECT_EQ(Difference(RunAccumulate(path_, gate, 80, width), RunAccumulate(ref_, gate, 80, width)), "") << width;
    }
  }
}

TEST_P(ElementwiseConformance, Rope) {
  for (const int64_t half : {1, 4, 8, 9, 16, 31}) {
    for (const int64_t rest : {0, 5}) {
      EXPECT_EQ(Difference(RunRope(path_, 2 * half + rest, half), RunRope(ref_, 2 * half + rest, half)), "") << half;
    }
  }
}

TEST_P(ElementwiseConformance, ClampKeepsTheInsideAndNaN) {
  Bench bench(path_);
  const HostTensor x = WithExtremes({10, 11}, 1);
  ClampArgs args = {bench.Put(x), 4.0f};
  ASSERT_TRUE(bench.kernels().Clamp(args, bench.stream()).ok());
  HostTensor expected = x;
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    const float value = x.f32()[i];
    if (std::abs(value) > 4.0f) expected.f32()[i] = std::copysign(4.0f, value);
  }
  EXPECT_EQ(Difference(bench.Get(args.x), expected), "");
}

TEST_P(ElementwiseConformance, EmbedWidensRowsExactly) {
  for (const DType dtype : kWeightTypes) {
    Bench bench(path_);
    const HostTensor table = HostTensor::Random(dtype, {19, 21}, 1);
    const std::vector<int32_t> ids = {18, 0, 3, 3};
    EmbedArgs args = {bench.PutMatrix(table), bench.Put(HostTensor::I32({4}, ids)),
                      bench.Put(HostTensor(DType::kF32, {4, 21}))};
    ASSERT_TRUE(bench.kernels().Embed(args, bench.stream()).ok());
    const HostTensor out = bench.Get(args.out);
    for (int64_t i = 0; i < 4 * 21; ++i) {
      EXPECT_EQ(out.at(i), table.at(ids[static_cast<size_t>(i / 21)] * 21 + i % 21));
    }
  }
}

// Rows of a table of 37 entries, enough of them to be split over threads.
HostTensor RunEmbed(Backend& backend, WeightFormat format, int64_t width) {
  Bench bench(backend);
  std::vector<int32_t> ids;
  for (int32_t t = 0; t < 150; ++t) ids.push_back(t * 11 % 37);
  EmbedArgs args;
  args.table = IsMadeOfFloats(format) ? bench.PutMatrix(HostTensor::Random(DType::kF32, {37, width}, 3), format)
                                      : bench.PutBlocks(37, width, format, 3);
  args.ids = bench.Put(HostTensor::I32({150}, ids));
  args.out = bench.Put(HostTensor(DType::kF32, {150, width}));
  EXPECT_TRUE(bench.kernels().Embed(args, bench.stream()).ok());
  return bench.Get(args.out);
}

TEST_P(ElementwiseConformance, EmbedGivesTheReferencesValuesOfEveryFormat) {
  for (int i = 0; i < kNumWeightFormats; ++i) {
    const auto format = static_cast<WeightFormat>(i);
    const int64_t block = IsMadeOfFloats(format) ? 1 : BlockInputs(format);
    for (const int64_t width : {1, 3, 45, 300}) {
      if (block > 1 && width > 3) continue;
      EXPECT_EQ(Difference(RunEmbed(path_, format, width * block), RunEmbed(ref_, format, width * block)), "")
          << WeightFormatName(format) << " " << width * block;
    }
  }
}

TEST_P(ElementwiseConformance, GatherAndFillMoveBits) {
  Bench bench(path_);
  const HostTensor x = WithExtremes({6, 5}, 1);
  GatherRowsArgs gather = {bench.Put(x), bench.Put(HostTensor::I32({3}, {5, 0, 5})),
                           bench.Put(HostTensor(DType::kF32, {3, 5}))};
  ASSERT_TRUE(bench.kernels().GatherRows(gather, bench.stream()).ok());
  const HostTensor gathered = bench.Get(gather.out);
  EXPECT_EQ(Difference(gathered.Rows(0, 1), x.Rows(5, 1)), "");
  EXPECT_EQ(Difference(gathered.Rows(1, 1), x.Rows(0, 1)), "");
  EXPECT_EQ(Difference(gathered.Rows(2, 1), x.Rows(5, 1)), "");

  FillArgs fill = {gather.out, -1.5f};
  ASSERT_TRUE(bench.kernels().Fill(fill, bench.stream()).ok());
  const HostTensor filled = bench.Get(gather.out);
  for (int64_t i = 0; i < 15; ++i) EXPECT_EQ(filled.at(i), -1.5);
}

void CheckWriteKv(Backend& backend, const KvIndex& index) {
  Bench bench(backend);
  const std::vector<int32_t> slots = {static_cast<int32_t>(index.block_size + 2), 1, 0};
  const auto num_rows = static_cast<int64_t>(slots.size());
  const HostTensor keys = HostTensor::Random(DType::kF32, {num_rows, index.num_heads, index.head_dim}, 7);
  const HostTensor values = HostTensor::Random(DType::kF32, {num_rows, index.num_heads, index.head_dim}, 8);
  const DType dtype = index.is_bf16 ? DType::kBf16 : DType::kF32;
  const auto plane = [&] {
    return bench.Put(HostTensor(dtype, {2 * index.block_size, index.num_heads, index.head_dim}));
  };
  WriteKvArgs write;
  write.keys = bench.Put(keys);
  write.values = bench.Put(values);
  write.slots = bench.Put(HostTensor::I32({num_rows}, slots));
  write.kv = {plane(), plane(), static_cast<int32_t>(index.block_size)};
  ASSERT_TRUE(bench.kernels().WriteKv(write, bench.stream()).ok());
  const HostTensor key_plane = bench.Get(write.kv.keys);
  const HostTensor value_plane = bench.Get(write.kv.values);
  const auto stored = [&](double x) {
    return index.is_bf16 ? static_cast<double>(Bf16ToF32(F32ToBf16(static_cast<float>(x)))) : x;
  };
  double rest = 0;
  for (int64_t row = 0; row < num_rows; ++row) {
    const int64_t slot = slots[static_cast<size_t>(row)];
    for (int64_t head = 0; head < index.num_heads; ++head) {
      for (int64_t d = 0; d < index.head_dim; ++d) {
        const int64_t from = (row * index.num_heads + head) * index.head_dim + d;
        EXPECT_EQ(key_plane.at(index.Key(slot, head, d)), stored(keys.at(from)));
        EXPECT_EQ(value_plane.at(index.Value(slot, head, d)), stored(values.at(from)));
        rest += std::abs(stored(keys.at(from))) + std::abs(stored(values.at(from)));
      }
    }
  }
  // And nothing else was written.
  for (int64_t i = 0; i < key_plane.num_elements(); ++i)
    rest -= std::abs(key_plane.at(i)) + std::abs(value_plane.at(i));
  EXPECT_NEAR(rest, 0, 1e-9);
}

TEST_P(ElementwiseConformance, WriteKvPutsEveryElementInItsPlace) {
  for (const bool is_bf16 : {false, true}) {
    CheckWriteKv(path_, {.num_heads = 3, .head_dim = 5, .block_size = 4, .is_bf16 = is_bf16});
    CheckWriteKv(path_, {.num_heads = 2, .head_dim = 48, .block_size = 16, .is_bf16 = is_bf16});
    CheckWriteKv(path_, {.num_heads = 1, .head_dim = 16, .block_size = 64, .is_bf16 = is_bf16});
  }
}

TEST_P(ElementwiseConformance, ArgMaxEqualsTheReference) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const int64_t width : {1, 33, 5000}) {
    HostTensor x = HostTensor::Random(DType::kF32, {20, width}, 11);
    for (int64_t i = 0; i < width; ++i) x.f32()[3 * width + i] = -kInfinity;
    x.f32()[5 * width + width / 2] = std::nanf("");
    x.f32()[6 * width + width - 1] = kInfinity;
    const auto run = [&](Backend& backend) {
      Bench bench(backend);
      const ArgMaxArgs args = {bench.Put(x), bench.Put(HostTensor(DType::kI32, {20}))};
      EXPECT_TRUE(bench.kernels().ArgMax(args, bench.stream()).ok());
      return bench.Get(args.out);
    };
    EXPECT_EQ(Difference(run(path_), run(ref_)), "") << width;
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, ElementwiseConformance, AllExecutionPaths(), NameOf);

// The sum of squares errs relatively by (ceil(H / 16) + 4) u; with the mean and eps, 2 u more; its inverse root halves
// that and adds a root and a division; two products follow.
TEST(RmsNormReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const DType dtype : kWeightTypes) {
    for (const int64_t width : kWidths) {
      const HostTensor x = HostTensor::Random(DType::kF32, {5, width}, 1);
      const HostTensor weight = HostTensor::Random(dtype, {width}, 2);
      const HostTensor out = RunRmsNorm(ref, dtype, x);
      const double factor = kRounding * ((std::ceil(static_cast<double>(width) / 16) + 6) / 2 + 5);
      for (int64_t t = 0; t < 5; ++t) {
        double sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += x.at(t * width + i) * x.at(t * width + i);
        const double scale = 1 / std::sqrt(sum / static_cast<double>(width) + 1e-6);
        for (int64_t i = 0; i < width; ++i) {
          const double expected = x.at(t * width + i) * scale * weight.at(i);
          ASSERT_NEAR(out.at(t * width + i), expected, factor * std::abs(expected)) << width;
        }
      }
    }
  }
}

// exp 2 u, 1 + e u, the division u, the product u; one more covers the higher orders.
TEST(SwiGluReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  const HostTensor gate = HostTensor::Random(DType::kF32, {20, 517}, 1, 10.0f);
  const HostTensor up = HostTensor::Random(DType::kF32, {20, 517}, 8);
  const HostTensor out = RunSwiGlu(ref, gate);
  for (int64_t i = 0; i < out.num_elements(); ++i) {
    const double expected = gate.at(i) / (1 + std::exp(-gate.at(i))) * up.at(i);
    ASSERT_NEAR(out.at(i), expected, 6 * kRounding * std::abs(expected));
  }
}

// The sigmoid errs by 4 u relatively; the fma rounds its sum once.
TEST(AccumulateReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  const HostTensor gate = HostTensor::Random(DType::kF32, {30, 1}, 9, 10.0f);
  const HostTensor y = HostTensor::Random(DType::kF32, {30, 20}, 4);
  const HostTensor acc = HostTensor::Random(DType::kF32, {30, 20}, 5);
  const HostTensor out = RunAccumulate(ref, gate, 30, 20);
  for (int64_t i = 0; i < out.num_elements(); ++i) {
    const double term = y.at(i) / (1 + std::exp(-gate.at(i / 20)));
    ASSERT_NEAR(out.at(i), acc.at(i) + term, kRounding * (5 * std::abs(term) + std::abs(acc.at(i) + term)));
  }
}

// Two products, one of them fused: 2 u of the sum of magnitudes. Elements behind the rotary dimension keep their bits.
TEST(RopeReference, RotatesHalvesWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  constexpr int64_t kHalf = 9;
  constexpr int64_t kHeadDim = 2 * kHalf + 5;
  const HostTensor x = HostTensor::Random(DType::kF32, {4, kRopeHeads, kHeadDim}, 1);
  const HostTensor cos = HostTensor::Random(DType::kF32, {kMaxPositions, kHalf}, 2);
  const HostTensor sin = HostTensor::Random(DType::kF32, {kMaxPositions, kHalf}, 3);
  const HostTensor out = RunRope(ref, kHeadDim, kHalf);
  for (int64_t row = 0; row < 4 * kRopeHeads; ++row) {
    const int64_t table = RopePositions().i32()[row / kRopeHeads] * kHalf;
    for (int64_t i = 0; i < kHalf; ++i) {
      const double a = x.at(row * kHeadDim + i);
      const double b = x.at(row * kHeadDim + kHalf + i);
      const double c = cos.at(table + i);
      const double s = sin.at(table + i);
      const double tolerance = 2 * kRounding * (std::abs(a) + std::abs(b)) * (std::abs(c) + std::abs(s));
      ASSERT_NEAR(out.at(row * kHeadDim + i), a * c - b * s, tolerance);
      ASSERT_NEAR(out.at(row * kHeadDim + kHalf + i), b * c + a * s, tolerance);
    }
    for (int64_t i = 2 * kHalf; i < kHeadDim; ++i) {
      ASSERT_EQ(out.at(row * kHeadDim + i), x.at(row * kHeadDim + i));
    }
  }
}

}  // namespace
}  // namespace foregate::conformance
