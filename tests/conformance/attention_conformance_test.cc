#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/base/float_types.h"
#include "tests/conformance/execution_path.h"
#include "tests/conformance/host_tensor.h"

namespace foregate::conformance {
namespace {

constexpr double kRounding = 0x1p-24;

struct AttentionCase {
  int64_t heads, kv_heads, head_dim;
  int32_t block_size, window;
  // Position of each row.
  std::vector<int32_t> positions;
  // Rows in a row that belong to one sequence, before the other's turn.
  int64_t run = 1;
  DType dtype = DType::kF32;  // of keys and values

  std::string name() const {
    return std::to_string(heads) + "/" + std::to_string(kv_heads) + " heads of " + std::to_string(head_dim) +
           ", blocks of " + std::to_string(block_size) + ", window " + std::to_string(window) + ", " + DTypeName(dtype);
  }
  int64_t rows() const { return static_cast<int64_t>(positions.size()); }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(head_dim)); }
  int64_t max_blocks() const { return *std::max_element(positions.begin(), positions.end()) / block_size + 1; }
  // Two sequences share the pool, their blocks interleaved and in descending order.
  int64_t num_blocks() const { return 2 * max_blocks(); }
  int32_t SequenceOf(int64_t row) const { return static_cast<int32_t>(row / run % 2); }
  int32_t BlockOf(int64_t sequence, int64_t index) const {
    return static_cast<int32_t>(num_blocks() - 1 - 2 * index - sequence);
  }
  HostTensor q() const { return HostTensor::Random(DType::kF32, {rows(), heads, head_dim}, 1, 2.0f); }
  HostTensor keys() const { return Plane(2); }
  HostTensor values() const { return Plane(3); }
  KvIndex index() const {
    return {.num_heads = kv_heads, .head_dim = head_dim, .block_size = block_size, .is_bf16 = dtype == DType::kBf16};
  }
  HostTensor block_tables() const {
    std::vector<int32_t> tables;
    for (int64_t sequence = 0; sequence < 2; ++sequence) {
      for (int64_t i = 0; i < max_blocks(); ++i) tables.push_back(BlockOf(sequence, i));
    }
    return HostTensor::I32({2, max_blocks()}, tables);
  }

 private:
  HostTensor Plane(uint64_t seed) const {
    return HostTensor::Random(dtype, {num_blocks() * block_size, kv_heads, head_dim}, seed, 2.0f);
  }
};

std::vector<AttentionCase> Cases() {
  const std::vector<AttentionCase> cases = {
      {1, 1, 8, 4, 0, {0}},
      {4, 2, 16, 16, 0, {0, 1, 15, 16, 17}},
      {6, 2, 33, 5, 0, {3, 40, 12}},
      {2, 1, 64, 16, 0, {254, 255, 256, 257}},
      {4, 4, 7, 16, 0, {700, 511, 512}},
      {4, 1, 128, 32, 0, {290}},
      {3, 1, 24, 8, 10, {4, 9, 10, 300, 258, 264}},
      {2, 2, 17, 16, 256, {255, 256, 520, 1}},
      {2, 1, 16, 16, 1, {0, 256, 77}},
      // Chunks of a prompt: rows of one sequence follow each other, across blocks, spans and the tasks' limit of rows.
      {8, 1, 32, 16, 0, {12, 13, 14, 15, 16, 17, 254, 255, 256, 257, 258, 259}, 6},
      {4, 2, 16, 16, 20, {250, 251, 252, 253, 254, 255, 256, 257, 0, 1, 2}, 8},
      {2,
       2,
       48,
       32,
       0,
       {500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511, 512, 513, 514, 515, 516, 517, 518},
       19},
      {6, 2, 33, 5, 0, {3, 4, 5, 6, 7, 8}, 3},
      // Many heads over few, several spans; a window that begins and ends inside panels.
      {32, 4, 32, 16, 0, {600, 31, 511}},
      {14, 2, 16, 32, 300, {611, 612, 613, 614, 615, 700, 701, 702}, 8},
      // Blocks that hold two chunks of values.
      {4, 2, 32, 64, 0, {61, 62, 63, 64, 65, 66, 96, 130}, 5},
      {2, 1, 64, 64, 70, {30, 31, 32, 33, 100, 101, 102, 295}, 4},
  };
  std::vector<AttentionCase> all;
  for (const DType dtype : {DType::kF32, DType::kBf16}) {
    for (AttentionCase test : cases) {
      test.dtype = dtype;
      all.push_back(std::move(test));
    }
  }
  return all;
}

// The keys, or the values, with NaN at every position that none of the rows [first, first + count) sees.
HostTensor PoisonedPlane(bool is_keys, const AttentionCase& test, int64_t first, int64_t count) {
  std::vector<bool> is_seen(static_cast<size_t>(test.num_blocks() * test.block_size), false);
  for (int64_t row = first; row < first + count; ++row) {
    const int32_t position = test.positions[static_cast<size_t>(row)];
    const int32_t begin = test.window == 0 ? 0 : std::max(0, position - test.window + 1);
    for (int32_t p = begin; p <= position; ++p) {
      const int32_t block = test.BlockOf(test.SequenceOf(row), p / test.block_size);
      is_seen[static_cast<size_t>(block * test.block_size + p % test.block_size)] = true;
    }
  }
  const KvIndex index = test.index();
  HostTensor plane = is_keys ? test.keys() : test.values();
  for (int64_t slot = 0; slot < static_cast<int64_t>(is_seen.size()); ++slot) {
    if (is_seen[static_cast<size_t>(slot)]) continue;
    for (int64_t head = 0; head < test.kv_heads; ++head) {
      for (int64_t d = 0; d < test.head_dim; ++d) {
        const int64_t at = is_keys ? index.Key(slot, head, d) : index.Value(slot, head, d);
        if (index.is_bf16) {
          plane.view().as<uint16_t>()[at] = F32ToBf16(std::nanf(""));
        } else {
          plane.f32()[at] = std::nanf("");
        }
      }
    }
  }
  return plane;
}

// Rows [first, first + count) in one call.
HostTensor RunAttention(Backend& backend, const AttentionCase& test, int64_t first, int64_t count) {
  Bench bench(backend);
  std::vector<int32_t> sequences, positions;
  for (int64_t row = first; row < first + count; ++row) {
    sequences.push_back(test.SequenceOf(row));
    positions.push_back(test.positions[static_cast<size_t>(row)]);
  }
  PagedAttentionArgs args;
  args.q = bench.Put(test.q().Rows(first, count));
  args.kv = {bench.Put(PoisonedPlane(true, test, first, count)), bench.Put(PoisonedPlane(false, test, first, count)),
             test.block_size};
  args.block_tables = bench.Put(test.block_tables());
  args.row_sequences = bench.Put(HostTensor::I32({count}, sequences));
  args.positions = bench.Put(HostTensor::I32({count}, positions));
  args.scale = test.scale();
  args.window = test.window;
  args.out = bench.Put(HostTensor(DType::kF32, {count, test.heads, test.head_dim}));
  EXPECT_TRUE(bench.kernels().PagedAttention(args, bench.stream()).ok());
  return bench.Get(args.out);
}

using AttentionConformance = ConformanceTest;

TEST_P(AttentionConformance, EqualsTheReferenceBitForBit) {
  for (const AttentionCase& test : Cases()) {
    EXPECT_EQ(Difference(RunAttention(path_, test, 0, test.rows()), RunAttention(ref_, test, 0, test.rows())), "")
        << test.name();
  }
}

TEST_P(AttentionConformance, ARowDoesNotDependOnItsCompany) {
  for (const AttentionCase& test : Cases()) {
    const HostTensor all = RunAttention(path_, test, 0, test.rows());
    for (int64_t row = 0; row < test.rows(); ++row) {
      ASSERT_EQ(Difference(RunAttention(path_, test, row, 1), all.Rows(row, 1)), "") << test.name() << ", row " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, AttentionConformance, AllExecutionPaths(), NameOf);

// |error| <= f * sum p |v| / sum p, to first order, with u = 2^-24:
// a score errs by s = (D + 2) u * scale * sum |q k| and its exponential by s + u |score - max| + 2 u, in the
// numerator and in the denominator; a span adds n <= 256 values in turn (256 u) and its probabilities in lanes
// (16 + 4) u; each of m spans is rescaled (an exponential and two roundings, and u |difference of maxima|); 1 division.
double ErrorFactor(const AttentionCase& test, double largest_norm, double score_range, int64_t num_spans) {
  const double score = (static_cast<double>(test.head_dim) + 2) * largest_norm;
  return kRounding *
         (2 * (score + score_range + 2) + 256 + 20 + 2 * static_cast<double>(num_spans) * (score_range + 5) + 2);
}

TEST(AttentionReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const AttentionCase& test : Cases()) {
    const HostTensor out = RunAttention(ref, test, 0, test.rows());
    const HostTensor q = test.q();
    const HostTensor keys = test.keys();
    const HostTensor values = test.values();
    const KvIndex index = test.index();
    for (int64_t row = 0; row < test.rows(); ++row) {
      const int32_t position = test.positions[static_cast<size_t>(row)];
      const int32_t first = test.window == 0 ? 0 : std::max(0, position - test.window + 1);
      for (int64_t head = 0; head < test.heads; ++head) {
        const auto at = [&](int32_t key_position) {
          const int64_t block = test.BlockOf(test.SequenceOf(row), key_position / test.block_size);
          return block * test.block_size + key_position % test.block_size;
        };
        const int64_t kv_head = head / (test.heads / test.kv_heads);
        const int64_t q_at = (row * test.heads + head) * test.head_dim;
        std::vector<double> scores;
        double largest_norm = 0;
        for (int32_t p = first; p <= position; ++p) {
          double score = 0, norm = 0;
          for (int64_t d = 0; d < test.head_dim; ++d) {
            const double product =
                q.at(q_at + d) * keys.at(index.Key(at(p), kv_head, d)) * static_cast<double>(test.scale());
            score += product;
            norm += std::abs(product);
          }
          scores.push_back(score);
          largest_norm = std::max(largest_norm, norm);
        }
        const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
        const double factor =
            ErrorFactor(test, largest_norm, *most - *least, position / kAttentionSpan - first / kAttentionSpan + 1);
        for (int64_t d = 0; d < test.head_dim; ++d) {
          double sum = 0, weighted = 0, norm = 0;
          for (int32_t p = first; p <= position; ++p) {
            const double probability = std::exp(scores[static_cast<size_t>(p - first)] - *most);
            sum += probability;
            weighted += probability * values.at(index.Value(at(p), kv_head, d));
            norm += probability * std::abs(values.at(index.Value(at(p), kv_head, d)));
          }
          ASSERT_NEAR(out.at(q_at + d), weighted / sum, factor * norm / sum) << test.name() << ", row " << row;
        }
      }
    }
  }
}

}  // namespace
}  // namespace foregate::conformance
