#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/conformance/execution_path.h"
#include "tests/conformance/host_tensor.h"

namespace foregate::conformance {
namespace {

constexpr double kRounding = 0x1p-24;

struct MoeCase {
  int64_t rows, hidden, ffn, experts, top_k;
  DType dtype;

  std::string name() const {
    return std::to_string(rows) + " rows, " + std::to_string(hidden) + "x" + std::to_string(ffn) + ", " +
           std::to_string(top_k) + " of " + std::to_string(experts) + " " + DTypeName(dtype);
  }
  HostTensor x() const { return HostTensor::Random(DType::kF32, {rows, hidden}, 1); }
  HostTensor logits() const { return HostTensor::Random(DType::kF32, {rows, experts}, 2, 6.0f); }
  HostTensor acc() const { return HostTensor::Random(DType::kF32, {rows, hidden}, 3); }
  const HostTensor& gate(int64_t e) const { return expert_weights[static_cast<size_t>(3 * e)]; }
  const HostTensor& up(int64_t e) const { return expert_weights[static_cast<size_t>(3 * e + 1)]; }
  const HostTensor& down(int64_t e) const { return expert_weights[static_cast<size_t>(3 * e + 2)]; }

  // Gate, up and down of each expert in turn; made once, for making them takes longer than computing with them.
  std::vector<HostTensor> expert_weights;
};

const std::vector<MoeCase>& Cases() {
  static const std::vector<MoeCase> cases = [] {
    std::vector<MoeCase> made = {{1, 16, 8, 4, 1, DType::kF32, {}},
                                 {5, 33, 17, 8, 2, DType::kBf16, {}},
                                 {7, 40, 24, 5, 5, DType::kF16, {}},
                                 {13, 31, 9, 16, 3, DType::kBf16, {}},
                                 {2, 67, 35, 32, 8, DType::kBf16, {}},
                                 {24, 80, 48, 4, 2, DType::kF32, {}},
                                 // Several tiles of gathered rows per expert, and more panels than stay in place.
                                 {75, 139, 145, 3, 2, DType::kBf16, {}}};
    for (MoeCase& test : made) {
      for (int64_t i = 0; i < 3 * test.experts; ++i) {
        const Shape shape = i % 3 == 2 ? Shape{test.hidden, test.ffn} : Shape{test.ffn, test.hidden};
        test.expert_weights.push_back(HostTensor::Random(test.dtype, shape, static_cast<uint64_t>(100 + i)));
      }
    }
    return made;
  }();
  return cases;
}

struct Routing {
  HostTensor expert_ids, weights, token_of, slot_of, offsets;
};

struct MoeResult {
  Routing routing;
  HostTensor y, acc;
};

// Router, grouping, experts in waves of `wave` (in ascending order) and combine.
MoeResult RunMoe(Backend& backend, const MoeCase& test, int64_t first_row, int64_t num_rows, int64_t wave,
                 bool normalize) {
  Bench bench(backend);
  const int64_t entries = num_rows * test.top_k;
  const auto output = [&](DType dtype, Shape shape) { return bench.Put(HostTensor(dtype, std::move(shape))); };
  TopKRouterArgs router;
  router.logits = bench.Put(test.logits().Rows(first_row, num_rows));
  router.normalize = normalize;
  router.expert_ids = output(DType::kI32, {num_rows, test.top_k});
  router.weights = output(DType::kF32, {num_rows, test.top_k});
  EXPECT_TRUE(bench.kernels().TopKRouter(router, bench.stream()).ok());
  GroupByExpertArgs group;
  group.expert_ids = router.expert_ids;
  group.token_of = output(DType::kI32, {entries});
  group.slot_of = output(DType::kI32, {entries});
  group.offsets = output(DType::kI32, {test.experts + 1});
  EXPECT_TRUE(bench.kernels().GroupByExpert(group, bench.stream()).ok());
  GroupedFfnArgs ffn;
  ffn.x = bench.Put(test.x().Rows(first_row, num_rows));
  ffn.token_of = group.token_of;
  ffn.offsets = group.offsets;
  ffn.scratch = output(DType::kF32, {entries, 2 * test.ffn});
  ffn.y = output(DType::kF32, {entries, test.hidden});
  CombineArgs combine;
  combine.y = ffn.y;
  combine.weights = router.weights;
  combine.token_of = group.token_of;
  combine.slot_of = group.slot_of;
  combine.offsets = group.offsets;
  combine.acc = bench.Put(test.acc().Rows(first_row, num_rows));
  for (int64_t first = 0; first < test.experts; first += wave) {
    const int64_t last = std::min(first + wave, test.experts);
    ffn.experts.clear();
    for (int64_t e = first; e < last; ++e) {
      ffn.experts.push_back({static_cast<int32_t>(e), bench.PutMatrix(test.gate(e)), bench.PutMatrix(test.up(e)),
                             bench.PutMatrix(test.down(e))});
    }
    combine.first_expert = static_cast<int32_t>(first);
    combine.last_expert = static_cast<int32_t>(last);
    EXPECT_TRUE(bench.kernels().GroupedFfn(ffn, bench.stream()).ok());
    EXPECT_TRUE(bench.kernels().Combine(combine, bench.stream()).ok());
  }
  return {{bench.Get(router.expert_ids), bench.Get(router.weights), bench.Get(group.token_of), bench.Get(group.slot_of),
           bench.Get(group.offsets)},
          bench.Get(ffn.y),
          bench.Get(combine.acc)};
}

using MoeConformance = ConformanceTest;

TEST_P(MoeConformance, EqualsTheReferenceBitForBit) {
  for (const MoeCase& test : Cases()) {
    for (const bool normalize : {false, true}) {
      const MoeResult actual = RunMoe(path_, test, 0, test.rows, test.experts, normalize);
      const MoeResult expected = RunMoe(ref_, test, 0, test.rows, test.experts, normalize);
      EXPECT_EQ(Difference(actual.routing.expert_ids, expected.routing.expert_ids), "") << test.name();
      EXPECT_EQ(Difference(actual.routing.weights, expected.routing.weights), "") << test.name();
      EXPECT_EQ(Difference(actual.routing.token_of, expected.routing.token_of), "") << test.name();
      EXPECT_EQ(Difference(actual.routing.slot_of, expected.routing.slot_of), "") << test.name();
      EXPECT_EQ(Difference(actual.routing.offsets, expected.routing.offsets), "") << test.name();
      EXPECT_EQ(Difference(actual.y, expected.y), "") << test.name();
      EXPECT_EQ(Difference(actual.acc, expected.acc), "") << test.name();
    }
  }
}

TEST_P(MoeConformance, WavesGiveTheBitsOfOneWave) {
  for (const MoeCase& test : Cases()) {
    const MoeResult whole = RunMoe(path_, test, 0, test.rows, test.experts, true);
    for (const int64_t wave : {1, 2, 3}) {
      EXPECT_EQ(Difference(RunMoe(path_, test, 0, test.rows, wave, true).acc, whole.acc), "") << test.name();
    }
  }
}

TEST_P(MoeConformance, ARowDoesNotDependOnItsCompany) {
  for (const MoeCase& test : Cases()) {
    const MoeResult all = RunMoe(path_, test, 0, test.rows, test.experts, true);
    for (int64_t row = 0; row < test.rows; ++row) {
      const MoeResult alone = RunMoe(path_, test, row, 1, test.experts, true);
      ASSERT_EQ(Difference(alone.acc, all.acc.Rows(row, 1)), "") << test.name() << ", row " << row;
    }
  }
}

TEST_P(MoeConformance, RoutesTiesToTheSmallerIdAndSurvivesNonNumbers) {
  HostTensor logits(DType::kF32, {4, 6});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float rows[4][6] = {
      {1, 2, 2, 2, 0, 1}, {0, 0, 0, 0, 0, 0}, {nan, 1, 2, 3, 4, 5}, {1, 2, 1e30f, -1e30f, 1e30f, nan}};
  std::copy(&rows[0][0], &rows[0][0] + 24, logits.f32());
  Bench bench(path_);
  TopKRouterArgs args;
  args.logits = bench.Put(logits);
  args.expert_ids = bench.Put(HostTensor(DType::kI32, {4, 4}));
  args.weights = bench.Put(HostTensor(DType::kF32, {4, 4}));
  ASSERT_TRUE(bench.kernels().TopKRouter(args, bench.stream()).ok());
  EXPECT_EQ(
      Difference(bench.Get(args.expert_ids), HostTensor::I32({4, 4}, {1, 2, 3, 0, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3})),
      "");
}

// Mixing weights of `ids` by logits that did not choose them.
HostTensor Weigh(Backend& backend, const HostTensor& logits, const HostTensor& ids, bool normalize) {
  Bench bench(backend);
  WeighExpertsArgs args;
  args.logits = bench.Put(logits);
  args.normalize = normalize;
  args.expert_ids = bench.Put(ids);
  args.weights = bench.Put(HostTensor(DType::kF32, ids.shape()));
  EXPECT_TRUE(bench.kernels().WeighExperts(args, bench.stream()).ok());
  return bench.Get(args.weights);
}

// Ids of every kind: distinct in a row, in no order.
HostTensor SomeIds(const MoeCase& test) {
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < test.rows; ++t) {
    for (int64_t slot = 0; slot < test.top_k; ++slot)
      ids.push_back(static_cast<int32_t>((t * 3 + test.experts - slot) % test.experts));
  }
  return HostTensor::I32({test.rows, test.top_k}, ids);
}

TEST_P(MoeConformance, WeighsGivenExpertsAsTheReferenceDoesAndRowByRow) {
  for (const MoeCase& test : Cases()) {
    const HostTensor ids = SomeIds(test);
    for (const bool normalize : {false, true}) {
      const HostTensor all = Weigh(path_, test.logits(), ids, normalize);
      EXPECT_EQ(Difference(all, Weigh(ref_, test.logits(), ids, normalize)), "") << test.name();
      for (int64_t row = 0; row < test.rows; ++row) {
        const HostTensor alone = Weigh(path_, test.logits().Rows(row, 1), ids.Rows(row, 1), normalize);
        ASSERT_EQ(Difference(alone, all.Rows(row, 1)), "") << test.name() << ", row " << row;
      }
    }
    // The router's own choice gets the router's bits.
    const Routing routing = RunMoe(path_, test, 0, test.rows, test.experts, false).routing;
    EXPECT_EQ(Difference(Weigh(path_, test.logits(), routing.expert_ids, false), routing.weights), "") << test.name();
  }
}

TEST_P(MoeConformance, WeighsExpertsThatScoreNothing) {
  HostTensor logits(DType::kF32, {1, 4});
  const float row[4] = {1000, 2, 1, -1000};
  std::copy(row, row + 4, logits.f32());
  const HostTensor ids = HostTensor::I32({1, 2}, {2, 1});
  const HostTensor normalized = Weigh(path_, logits, ids, true);
  EXPECT_NEAR(normalized.at(0), 0.26894142, 1e-6);
  EXPECT_NEAR(normalized.at(1), 0.73105858, 1e-6);
  const HostTensor scores = Weigh(path_, logits, ids, false);
  EXPECT_EQ(scores.at(0), 0);
  EXPECT_EQ(scores.at(1), 0);
}

INSTANTIATE_TEST_SUITE_P(Paths, MoeConformance, AllExecutionPaths(), NameOf);

// Softmax in double. A score's relative error: exp of a rounded difference d, u |d| + 2 u (1 ulp of the polynomial);
// the sum of E such terms in lanes, (ceil(E / 16) + 4) u more; the divisions, u each; k selected scores are summed the
// same way for the normalisation.
TEST(RouterReference, StaysWithinTheDerivedErrorAndPicksTheLargest) {
  Backend ref = MakeRefBackend();
  for (const MoeCase& test : Cases()) {
    const Routing routing = RunMoe(ref, test, 0, test.rows, test.experts, true).routing;
    const HostTensor logits = test.logits();
    for (int64_t t = 0; t < test.rows; ++t) {
      std::vector<double> scores(static_cast<size_t>(test.experts));
      double maximum = logits.at(t * test.experts);
      double minimum = maximum;
      for (int64_t e = 0; e < test.experts; ++e) {
        maximum = std::max(maximum, logits.at(t * test.experts + e));
        minimum = std::min(minimum, logits.at(t * test.experts + e));
      }
      double sum = 0;
      for (int64_t e = 0; e < test.experts; ++e) {
        scores[static_cast<size_t>(e)] = std::exp(logits.at(t * test.experts + e) - maximum);
        sum += scores[static_cast<size_t>(e)];
      }
      const double error =
          (2 * (maximum - minimum + 2) + std::ceil(static_cast<double>(test.experts) / 16) + 12) * kRounding;
      double selected = 0;
      for (int64_t rank = 0; rank < test.top_k; ++rank) {
        selected += scores[static_cast<size_t>(routing.expert_ids.i32()[t * test.top_k + rank])];
      }
      std::vector<bool> taken(scores.size(), false);
      for (int64_t rank = 0; rank < test.top_k; ++rank) {
        const auto id = static_cast<size_t>(routing.expert_ids.i32()[t * test.top_k + rank]);
        ASSERT_FALSE(taken[id]);
        taken[id] = true;
        for (size_t e = 0; e < scores.size(); ++e) {
          ASSERT_TRUE(taken[e] || scores[id] >= scores[e] * (1 - error)) << test.name();
        }
        const double expected = scores[id] / selected;
        ASSERT_NEAR(routing.weights.at(t * test.top_k + rank), expected, 2 * error * expected) << test.name();
      }
    }
  }
}

// Same derivation; without normalisation the sum runs over all experts, with it over the given ones.
TEST(WeighExpertsReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const MoeCase& test : Cases()) {
    const HostTensor logits = test.logits();
    const HostTensor ids = SomeIds(test);
    for (const bool normalize : {false, true}) {
      const HostTensor weights = Weigh(ref, logits, ids, normalize);
      for (int64_t t = 0; t < test.rows; ++t) {
        const auto exponential = [&](int64_t e) { return std::exp(logits.at(t * test.experts + e)); };
        double sum = 0, largest = 0, smallest = std::numeric_limits<double>::max();
        for (int64_t i = 0; i < (normalize ? test.top_k : test.experts); ++i) {
          const double term = exponential(normalize ? ids.i32()[t * test.top_k + i] : i);
          sum += term;
          largest = std::max(largest, term);
          smallest = std::min(smallest, term);
        }
        const double error =
            (2 * (std::log(largest / smallest) + 2) + std::ceil(static_cast<double>(test.experts) / 16) + 12) *
            kRounding;
        for (int64_t slot = 0; slot < test.top_k; ++slot) {
          const double expected = exponential(ids.i32()[t * test.top_k + slot]) / sum;
          ASSERT_NEAR(weights.at(t * test.top_k + slot), expected, 2 * error * expected) << test.name();
        }
      }
    }
  }
}

// One expert's result for one row in double, with the error that the written arithmetic may add: a dot product of K
// terms errs by at most (K + 2) u * sum |terms|; silu (slope below 1.1) passes the gate's error on and adds
// 6 u; the product with `up` adds both factors' errors and u.
struct JudgedRow {
  std::vector<double> y, error;
};

JudgedRow JudgeExpert(const MoeCase& test, int64_t expert, const HostTensor& x, int64_t row) {
  const HostTensor& gate = test.gate(expert);
  const HostTensor& up = test.up(expert);
  const HostTensor& down = test.down(expert);
  std::vector<double> activation, activation_error;
  const double hidden_error = (static_cast<double>(test.hidden) + 2) * kRounding;
  for (int64_t f = 0; f < test.ffn; ++f) {
    double g = 0, u = 0, g_norm = 0, u_norm = 0;
    for (int64_t h = 0; h < test.hidden; ++h) {
      const double value = x.at(row * test.hidden + h);
      g += value * gate.at(f * test.hidden + h);
      u += value * up.at(f * test.hidden + h);
      g_norm += std::abs(value * gate.at(f * test.hidden + h));
      u_norm += std::abs(value * up.at(f * test.hidden + h));
    }
    const double silu = g / (1 + std::exp(-g));
    activation.push_back(silu * u);
    activation_error.push_back((1.1 * hidden_error * g_norm + 6 * kRounding * std::abs(silu)) * std::abs(u) +
                               hidden_error * u_norm * std::abs(silu) + 2 * kRounding * std::abs(silu * u));
  }
  JudgedRow result;
  const double ffn_error = (static_cast<double>(test.ffn) + 2) * kRounding;
  for (int64_t h = 0; h < test.hidden; ++h) {
    double y = 0, error = 0;
    for (size_t f = 0; f < activation.size(); ++f) {
      const double weight = down.at(h * test.ffn + static_cast<int64_t>(f));
      y += activation[f] * weight;
      error += (ffn_error * std::abs(activation[f]) + activation_error[f]) * std::abs(weight);
    }
    result.y.push_back(y);
    result.error.push_back(error);
  }
  return result;
}

TEST(GroupedFfnReference, StaysWithinTheDerivedError) {
  Backend ref = MakeRefBackend();
  for (const MoeCase& test : Cases()) {
    const MoeResult result = RunMoe(ref, test, 0, test.rows, test.experts, false);
    const HostTensor x = test.x();
    std::vector<double> acc, acc_error;
    for (int64_t i = 0; i < test.acc().num_elements(); ++i) acc.push_back(test.acc().at(i));
    acc_error.resize(acc.size(), 0.0);
    int32_t last_expert = 0;
    for (int64_t j = 0; j < test.rows * test.top_k; ++j) {
      const int64_t token = result.routing.token_of.i32()[j];
      const int64_t entry = token * test.top_k + result.routing.slot_of.i32()[j];
      const int32_t expert = result.routing.expert_ids.i32()[entry];
      ASSERT_GE(expert, last_expert) << test.name();
      last_expert = expert;
      const JudgedRow judged = JudgeExpert(test, expert, x, token);
      const double weight = result.routing.weights.at(entry);
      for (int64_t h = 0; h < test.hidden; ++h) {
        const double y = judged.y[static_cast<size_t>(h)];
        const double error = judged.error[static_cast<size_t>(h)];
        ASSERT_NEAR(result.y.at(j * test.hidden + h), y, error) << test.name();
        const auto at = static_cast<size_t>(token * test.hidden + h);
        acc[at] += weight * y;
        // Each fma of the combine rounds the running sum once.
        acc_error[at] += weight * error + kRounding * (std::abs(acc[at]) + acc_error[at]);
      }
    }
    for (size_t i = 0; i < acc.size(); ++i) {
      ASSERT_NEAR(result.acc.at(static_cast<int64_t>(i)), acc[i], acc_error[i] * 1.001) << test.name();
    }
  }
}

}  // namespace
}  // namespace foregate::conformance
