// Kernels of the CPU backend at the shapes of OLMoE-1B-7B and Qwen3-30B-A3B, beside the machine's measured limits.
//
//   bazel run -c opt //tests/bench:kernels_bench
//
// `bound` is the fraction of max(bytes touched / read bandwidth, operations / FMA peak) that a call reached, both
// limits measured at the start with the same threads. Weights rotate through a pool larger than the caches, as layers
// do.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "kernels/base/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/roofline.h"

namespace foregate {
namespace {

constexpr int64_t kPoolBytes = int64_t{192} << 20;

// The backend and the limits of this run.
struct Machine {
  Backend backend;
  std::unique_ptr<Stream> stream;
  Roofline roofline;
};

Machine& TheMachine() {
  static Machine machine = [] {
    auto backend = MakeCpuBackend({});
    FOREGATE_CHECK(backend.ok());
    const DeviceInfo& info = backend->device->info();
    auto roofline = MeasureRoofline(info.num_threads, kPoolBytes);
    FOREGATE_CHECK(roofline.ok());
    std::printf("%s: %s\n", info.isa.c_str(), RooflineText(*roofline).c_str());
    auto stream = backend->device->NewStream();
    return Machine{*std::move(backend), std::move(stream), *roofline};
  }();
  return machine;
}

// Device memory of one benchmark, filled with ones so that no page is the shared zero page.
class Memory {
 public:
  TensorView Make(DType dtype, std::initializer_list<int64_t> shape) {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    auto buffer =
        TheMachine().backend.device->Allocate(static_cast<size_t>(n) * ElementBytes(dtype), MemorySpace::kDevice);
    FOREGATE_CHECK(buffer.ok());
    const TensorView view((*buffer)->data(), dtype, shape);
    if (dtype == DType::kF32) std::fill_n(view.as<float>(), n, 1.0f);
    if (dtype == DType::kBf16) std::fill_n(view.as<uint16_t>(), n, uint16_t{0x3c00});
    buffers_.push_back(*std::move(buffer));
    return view;
  }
  // Every byte is 0x3c: values and scales of any format are finite numbers, and no page is the zero page.
  WeightMatrix Matrix(WeightFormat format, int64_t outputs, int64_t inputs) {
    WeightMatrix matrix{.data = nullptr, .format = format, .num_outputs = outputs, .num_inputs = inputs};
    auto buffer = TheMachine().backend.device->Allocate(matrix.num_bytes(), MemorySpace::kDevice);
    FOREGATE_CHECK(buffer.ok());
    matrix.data = (*buffer)->data();
    std::memset(matrix.data, 0x3c, matrix.num_bytes());
    buffers_.push_back(*std::move(buffer));
    return matrix;
  }
  TensorView Indices(const std::vector<int32_t>& values, std::initializer_list<int64_t> shape) {
    const TensorView view = Make(DType::kI32, shape);
    std::copy(values.begin(), values.end(), view.as<int32_t>());
    return view;
  }

 private:
  std::vector<std::unique_ptr<DeviceBuffer>> buffers_;
};

// What products with such weights can reach: the format decides which instructions multiply them exactly enough.
double PeakOps(WeightFormat format) {
  const Roofline& roofline = TheMachine().roofline;
  switch (format) {
    case WeightFormat::kF32:
    case WeightFormat::kF16:
      return roofline.f32_flops;
    case WeightFormat::kBf16:
      return roofline.bf16_flops;
    case WeightFormat::kInt8:
    case WeightFormat::kInt8G32:
      return roofline.int8_ops;
    default:
      return roofline.int4_ops;
  }
}

void Report(benchmark::State& state, double bytes, double flops, double peak_ops) {
  const double bound_seconds = TheMachine().roofline.BoundSeconds(bytes, flops, peak_ops);
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, rate);
  state.counters["GFLOP/s"] = benchmark::Counter(flops / 1e9, rate);
  state.counters["bound"] = benchmark::Counter(bound_seconds, rate);
}

// Arguments: weight format, rows, outputs, inputs.
void BM_Linear(benchmark::State& state) {
  const auto format = static_cast<WeightFormat>(state.range(0));
  const int64_t rows = state.range(1);
  const int64_t outputs = state.range(2);
  const int64_t inputs = state.range(3);
  state.SetLabel(WeightFormatName(format));
  const auto matrix_bytes = static_cast<int64_t>(PackedBytes(format, outputs, inputs));
  Memory memory;
  std::vector<WeightMatrix> weights;
  for (int64_t bytes = 0; bytes < kPoolBytes; bytes += matrix_bytes) {
    weights.push_back(memory.Matrix(format, outputs, inputs));
  }
  LinearArgs args;
  args.x = memory.Make(DType::kF32, {rows, inputs});
  args.out = memory.Make(DType::kF32, {rows, outputs});
  size_t next = 0;
  for (auto _ : state) {
    args.weight = weights[next++ % weights.size()];
    FOREGATE_CHECK(TheMachine().backend.kernels->Linear(args, *TheMachine().stream).ok());
  }
  Report(state, static_cast<double>(matrix_bytes), static_cast<double>(2 * rows * outputs * inputs), PeakOps(format));
}

// Arguments: weight format, rows, hidden, ffn, experts, top_k. Entries go round the experts, so all are as full as they
// can be.
void BM_GroupedFfn(benchmark::State& state) {
  const auto format = static_cast<WeightFormat>(state.range(0));
  const int64_t rows = state.range(1);
  const int64_t hidden = state.range(2);
  const int64_t ffn = state.range(3);
  const int64_t num_experts = state.range(4);
  const int64_t entries = rows * state.range(5);
  state.SetLabel(WeightFormatName(format));
  const auto expert_bytes =
      static_cast<int64_t>(2 * PackedBytes(format, ffn, hidden) + PackedBytes(format, hidden, ffn));
  Memory memory;
  std::vector<int32_t> offsets = {0};
  std::vector<int32_t> token_of;
  for (int64_t e = 0; e < num_experts; ++e) {
    for (int64_t j = e; j < entries; j += num_experts) token_of.push_back(static_cast<int32_t>(j % rows));
    offsets.push_back(static_cast<int32_t>(token_of.size()));
  }
  // `rows` 1 reaches top_k experts; layers with other experts' weights follow each other.
  const int64_t num_active = std::min(num_experts, entries);
  std::vector<std::vector<ExpertWeights>> layers;
  for (int64_t bytes = 0; bytes < kPoolBytes; bytes += num_active * expert_bytes) {
    std::vector<ExpertWeights>& layer = layers.emplace_back();
    for (int64_t e = 0; e < num_active; ++e) {
      layer.push_back({static_cast<int32_t>(e), memory.Matrix(format, ffn, hidden), memory.Matrix(format, ffn, hidden),
                       memory.Matrix(format, hidden, ffn)});
    }
  }
  GroupedFfnArgs args;
  args.x = memory.Make(DType::kF32, {rows, hidden});
  args.token_of = memory.Indices(token_of, {entries});
  args.offsets = memory.Indices(offsets, {num_experts + 1});
  args.scratch = memory.Make(DType::kF32, {entries, 2 * ffn});
  args.y = memory.Make(DType::kF32, {entries, hidden});
  size_t next = 0;
  for (auto _ : state) {
    args.experts = layers[next++ % layers.size()];
    FOREGATE_CHECK(TheMachine().backend.kernels->GroupedFfn(args, *TheMachine().stream).ok());
  }
  Report(state, static_cast<double>(num_active * expert_bytes), static_cast<double>(6 * entries * hidden * ffn),
         PeakOps(format));
}

// `num_sequences` sequences of `positions`, the last of which are `rows_each` rows of the step: 1 in decode, many in
// prefill. Their blocks lie scattered over the cache, as they do in use.
struct AttentionShape {
  int64_t num_sequences, rows_each, heads, kv_heads, head_dim, positions, block_size;
  DType dtype;
};

void RunAttention(benchmark::State& state, const AttentionShape& shape) {
  const int64_t rows = shape.num_sequences * shape.rows_each;
  const int64_t blocks_each = (shape.positions + shape.block_size - 1) / shape.block_size;
  Memory memory;
  std::vector<int32_t> tables(static_cast<size_t>(shape.num_sequences * blocks_each));
  std::iota(tables.begin(), tables.end(), 0);
  std::shuffle(tables.begin(), tables.end(), std::mt19937(1));
  std::vector<int32_t> sequences, positions;
  double num_scores = 0;
  for (int64_t row = 0; row < rows; ++row) {
    sequences.push_back(static_cast<int32_t>(row / shape.rows_each));
    positions.push_back(static_cast<int32_t>(shape.positions - shape.rows_each + row % shape.rows_each));
    num_scores += static_cast<double>(shape.heads * (positions.back() + 1));
  }
  PagedAttentionArgs args;
  args.q = memory.Make(DType::kF32, {rows, shape.heads, shape.head_dim});
  args.out = memory.Make(DType::kF32, {rows, shape.heads, shape.head_dim});
  args.block_tables = memory.Indices(tables, {shape.num_sequences, blocks_each});
  args.row_sequences = memory.Indices(sequences, {rows});
  args.positions = memory.Indices(positions, {rows});
  args.scale = 0.1f;
  const int64_t slots = shape.num_sequences * blocks_each * shape.block_size;
  const int64_t kv_bytes = 2 * shape.num_sequences * shape.positions * shape.kv_heads * shape.head_dim *
                           static_cast<int64_t>(ElementBytes(shape.dtype));
  std::vector<PagedKvView> layers;
  for (int64_t bytes = 0; bytes < kPoolBytes; bytes += kv_bytes) {
    layers.push_back({memory.Make(shape.dtype, {slots, shape.kv_heads, shape.head_dim}),
                      memory.Make(shape.dtype, {slots, shape.kv_heads, shape.head_dim}),
                      static_cast<int32_t>(shape.block_size)});
  }
  size_t next = 0;
  for (auto _ : state) {
    args.kv = layers[next++ % layers.size()];
    FOREGATE_CHECK(TheMachine().backend.kernels->PagedAttention(args, *TheMachine().stream).ok());
  }
  const WeightFormat products = shape.dtype == DType::kBf16 ? WeightFormat::kBf16 : WeightFormat::kF32;
  Report(state, static_cast<double>(kv_bytes), 4 * num_scores * static_cast<double>(shape.head_dim), PeakOps(products));
}

DType KvDType(int64_t is_bf16) { return is_bf16 != 0 ? DType::kBf16 : DType::kF32; }

void BM_DecodeAttention(benchmark::State& state) {
  RunAttention(state, {.num_sequences = state.range(0),
                       .rows_each = 1,
                       .heads = state.range(1),
                       .kv_heads = state.range(2),
                       .head_dim = 128,
                       .positions = state.range(3),
                       .block_size = state.range(4),
                       .dtype = KvDType(state.range(5))});
}

void BM_PrefillAttention(benchmark::State& state) {
  RunAttention(state, {.num_sequences = 1,
                       .rows_each = state.range(0),
                       .heads = state.range(1),
                       .kv_heads = state.range(2),
                       .head_dim = 128,
                       .positions = state.range(3),
                       .block_size = 64,
                       .dtype = KvDType(state.range(4))});
}

// OLMoE: hidden 2048, 64 experts of 1024, 8 chosen. Qwen3-30B-A3B: hidden 2048, q 4096, 128 experts of 768, 8 chosen.
const std::vector<int64_t> kFormats = [] {
  std::vector<int64_t> formats;
  for (const WeightFormat format : {WeightFormat::kBf16, WeightFormat::kInt8, WeightFormat::kInt8G32,
                                    WeightFormat::kInt4G128, WeightFormat::kInt4G32, WeightFormat::kIq4Nl,
                                    WeightFormat::kMxfp4, WeightFormat::kQ4K, WeightFormat::kQ5K, WeightFormat::kQ6K}) {
    formats.push_back(static_cast<int64_t>(format));
  }
  return formats;
}();
BENCHMARK(BM_Linear)
    ->ArgNames({"format", "rows", "outputs", "inputs"})
    ->ArgsProduct({kFormats, {1, 4, 64, 512}, {2048}, {2048}})
    ->ArgsProduct({kFormats, {1}, {50304}, {2048}})
    ->UseRealTime();
BENCHMARK(BM_GroupedFfn)
    ->ArgNames({"format", "rows", "hidden", "ffn", "experts", "k"})
    ->ArgsProduct({kFormats, {1, 8, 512}, {2048}, {1024}, {64}, {8}})
    ->ArgsProduct({kFormats, {1, 8, 512}, {2048}, {768}, {128}, {8}})
    ->UseRealTime();
BENCHMARK(BM_DecodeAttention)
    ->ArgNames({"sequences", "heads", "kv_heads", "positions", "block", "bf16"})
    ->ArgsProduct({{1, 8}, {16}, {16}, {512}, {16, 64}, {0, 1}})
    ->ArgsProduct({{1, 8}, {32}, {4}, {512}, {16, 64}, {0, 1}})
    ->ArgsProduct({{1}, {16}, {16}, {16384}, {16, 32, 64}, {0, 1}})
    ->ArgsProduct({{1}, {32}, {4}, {16384}, {16, 32, 64}, {0, 1}})
    ->UseRealTime();
BENCHMARK(BM_PrefillAttention)
    ->ArgNames({"rows", "heads", "kv_heads", "positions", "bf16"})
    ->ArgsProduct({{512}, {16}, {16}, {512, 2048}, {0, 1}})
    ->ArgsProduct({{512}, {32}, {4}, {512, 2048}, {0, 1}})
    ->UseRealTime();

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  foregate::TheMachine();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
