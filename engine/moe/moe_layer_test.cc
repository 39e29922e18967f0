#include "engine/moe/moe_layer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/pre_gate.h"
#include "engine/moe/store/memory_expert_store.h"
#include "kernels/ref/ref_backend.h"
#include "kernels/weights/pack.h"

namespace foregate {
namespace {

constexpr int kRows = 5, kHidden = 6, kWidth = 7, kExperts = 4, kTopK = 2, kLayer = 3;

// Memory and weights of one layer on the scalar backend, whose device memory is host memory.
class MoeLayerTest : public testing::Test {
 protected:
  MoeLayerTest()
      : backend_(MakeRefBackend()),
        stream_(backend_.device->NewStream()),
        directory_({kLayer}, kExperts,
                   std::vector<ExpertLayout>(kExperts, {.hidden = kHidden, .width = kWidth, .formats = {}})),
        store_(*MemoryExpertStore::Create(directory_, *backend_.device)) {
    for (int32_t e = 0; e < kExperts; ++e) {
      const ExpertWeights weights = directory_.layout(0).Weights(store_->block({kLayer, e}), e);
      for (const WeightMatrix& matrix : {weights.gate, weights.up, weights.down}) Randomize(matrix);
    }
    x_ = Random({kRows, kHidden});
    weights_.gate = RandomMatrix(kExperts, kHidden);
    buffers_.routing = {.logits = New(DType::kF32, {kRows, kExperts}),
                        .expert_ids = New(DType::kI32, {kRows, kTopK}),
                        .weights = New(DType::kF32, {kRows, kTopK}),
                        .token_of = New(DType::kI32, {kRows * kTopK}),
                        .slot_of = New(DType::kI32, {kRows * kTopK}),
                        .offsets = New(DType::kI32, {kExperts + 1}),
                        .host_expert_ids = New(DType::kI32, {kRows, kTopK}),
                        .host_weights = New(DType::kF32, {kRows, kTopK})};
    buffers_.dispatch = {.scratch = New(DType::kF32, {kRows * kTopK, 2 * kWidth}),
                         .y = New(DType::kF32, {kRows * kTopK, kHidden})};
    buffers_.shared = {.gate = New(DType::kF32, {kRows, kWidth}), .up = New(DType::kF32, {kRows, kWidth})};
    buffers_.shared_y = New(DType::kF32, {kRows, kHidden});
    buffers_.shared_logit = New(DType::kF32, {kRows, 1});
  }

  TensorView New(DType dtype, std::initializer_list<int64_t> shape) {
    const TensorView measured(nullptr, dtype, shape);
    memory_.push_back(*backend_.device->Allocate(measured.num_bytes(), MemorySpace::kDevice));
    return TensorView(memory_.back()->data(), dtype, shape);
  }
  void Randomize(const TensorView& view) {
    std::normal_distribution<float> normal(0, 0.7f);
    for (int64_t i = 0; i < view.num_elements(); ++i) view.as<float>()[i] = normal(random_);
  }
  TensorView Random(std::initializer_list<int64_t> shape) {
    const TensorView view = New(DType::kF32, shape);
    Randomize(view);
    return view;
  }
  void Randomize(const WeightMatrix& matrix) {
    const TensorView rows = Random({matrix.num_outputs, matrix.num_inputs});
    PackRows(rows, 0, matrix);
  }
  WeightMatrix RandomMatrix(int64_t num_outputs, int64_t num_inputs) {
    WeightMatrix matrix{
        .data = nullptr, .format = WeightFormat::kF32, .num_outputs = num_outputs, .num_inputs = num_inputs};
    memory_.push_back(*backend_.device->Allocate(matrix.num_bytes(), MemorySpace::kDevice));
    matrix.data = memory_.back()->data();
    Randomize(matrix);
    return matrix;
  }
  void AddSharedExpert(bool gated) {
    weights_.shared = {RandomMatrix(kWidth, kHidden), RandomMatrix(kWidth, kHidden), RandomMatrix(kHidden, kWidth)};
    if (gated) weights_.shared_gate = RandomMatrix(1, kHidden);
  }
  struct PatientRows : WaitingRows {
    std::chrono::steady_clock::time_point wait_deadline() const override {
      return std::chrono::steady_clock::time_point::max();
    }
    void FindDropped(std::span<uint8_t> is_dropped) override { std::fill(is_dropped.begin(), is_dropped.end(), 0); }
  };
  std::vector<float> Run(size_t num_slots, bool normalize, bool is_committed = false) {
    const auto cache = *ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), store_.get(),
                                            EvictLeastRecentlyUsed, *backend_.device);
    Dispatcher dispatcher(*cache, nullptr, backend_);
    const TensorView out = New(DType::kF32, {kRows, kHidden});
    EXPECT_TRUE(MoeLayer(kLayer, {.normalize_weights = normalize, .is_committed = is_committed}, weights_, x_, buffers_,
                         out, dispatcher, rows_, backend_, *stream_)
                    .ok());
    return {out.as<float>(), out.as<float>() + kRows * kHidden};
  }

  static std::vector<double> Multiply(const WeightMatrix& matrix, const std::vector<double>& x) {
    std::vector<double> y(static_cast<size_t>(matrix.num_outputs));
    for (size_t i = 0; i < y.size(); ++i) {
      for (size_t j = 0; j < x.size(); ++j) {
        const float weight = UnpackElement(matrix, static_cast<int64_t>(i), static_cast<int64_t>(j));
        y[i] += static_cast<double>(weight) * x[j];
      }
    }
    return y;
  }
  static std::vector<double> Ffn(const WeightMatrix& gate, const WeightMatrix& up, const WeightMatrix& down,
                                 const std::vector<double>& x) {
    std::vector<double> h = Multiply(gate, x);
    const std::vector<double> u = Multiply(up, x);
    for (size_t i = 0; i < h.size(); ++i) h[i] = h[i] / (1 + std::exp(-h[i])) * u[i];
    return Multiply(down, h);
  }
  static std::vector<size_t> Order(const std::vector<double>& scores) {
    std::vector<size_t> order = {0, 1, 2, 3};
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    return order;
  }
  static std::vector<double> Row(const TensorView& x, int row) {
    const float* values = x.as<float>() + row * kHidden;
    return {values, values + kHidden};
  }
  // The definition, in double, one row. `early`: the state from which the pre-gate chooses, absent without one.
  std::vector<double> Definition(int row, bool normalize, const TensorView& early) const {
    const std::vector<double> x = Row(x_, row);
    std::vector<double> scores = Multiply(weights_.gate, x);
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score);
    std::vector<double> out(kHidden);
    const std::vector<size_t> order = Order(early.empty() ? scores : Multiply(weights_.pre_gate, Row(early, row)));
    if (normalize) sum = scores[order[0]] + scores[order[1]];
    for (size_t slot = 0; slot < kTopK; ++slot) {
      const auto e = static_cast<int32_t>(order[slot]);
      const ExpertWeights w = directory_.layout(0).Weights(store_->block({kLayer, e}), e);
      const std::vector<double> y = Ffn(w.gate, w.up, w.down, x);
      for (size_t i = 0; i < kHidden; ++i) out[i] += scores[order[slot]] / sum * y[i];
    }
    if (weights_.shared.down.empty()) return out;
    const std::vector<double> y = Ffn(weights_.shared.gate, weights_.shared.up, weights_.shared.down, x);
    double scale = 1;
    if (!weights_.shared_gate.empty()) scale = 1 / (1 + std::exp(-Multiply(weights_.shared_gate, x)[0]));
    for (size_t i = 0; i < kHidden; ++i) out[i] += scale * y[i];
    return out;
  }
  void ExpectDefinition(const std::vector<float>& actual, bool normalize, const TensorView& early = {}) const {
    for (int row = 0; row < kRows; ++row) {
      const std::vector<double> wanted = Definition(row, normalize, early);
      for (size_t i = 0; i < kHidden; ++i)
        EXPECT_NEAR(actual[static_cast<size_t>(row) * kHidden + i], wanted[i], 1e-5) << row << " " << i;
    }
  }

  PatientRows rows_;
  std::mt19937 random_{42};
  Backend backend_;
  std::unique_ptr<Stream> stream_;
  ExpertDirectory directory_;
  std::unique_ptr<MemoryExpertStore> store_;
  std::vector<std::unique_ptr<DeviceBuffer>> memory_;
  TensorView x_;
  MoeWeights weights_;
  MoeBuffers buffers_;
};

TEST_F(MoeLayerTest, EqualsTheDefinition) {
  ExpectDefinition(Run(kExperts, false), false);
  ExpectDefinition(Run(kExperts, true), true);
}

TEST_F(MoeLayerTest, SharedExpertIsAddedFullyOrBehindItsGate) {
  AddSharedExpert(false);
  ExpectDefinition(Run(kExperts, true), true);
  AddSharedExpert(true);
  ExpectDefinition(Run(kExperts, true), true);
}

TEST_F(MoeLayerTest, CommittedExpertsAreChosenEarlyAndWeighedLate) {
  AddSharedExpert(true);
  weights_.pre_gate = RandomMatrix(kExperts, kHidden);
  const TensorView early = Random({kRows, kHidden});
  const CommittedExperts committed{.layer = kLayer,
                                   .expert_ids = New(DType::kI32, {kRows, kTopK}),
                                   .host_expert_ids = New(DType::kI32, {kRows, kTopK})};
  const PreGateScratch scratch{.logits = buffers_.routing.logits, .weights = buffers_.routing.weights};
  ASSERT_TRUE(
      CommitExperts(RouterScoring::kSoftmax, early, weights_.pre_gate, scratch, committed, backend_, *stream_).ok());
  for (int row = 0; row < kRows; ++row) {
    const std::vector<size_t> order = Order(Multiply(weights_.pre_gate, Row(early, row)));
    for (int slot = 0; slot < kTopK; ++slot) {
      EXPECT_EQ(committed.expert_ids.as<int32_t>()[row * kTopK + slot],
                static_cast<int32_t>(order[static_cast<size_t>(slot)]));
      EXPECT_EQ(committed.host_expert_ids.as<int32_t>()[row * kTopK + slot],
                committed.expert_ids.as<int32_t>()[row * kTopK + slot]);
    }
  }
  buffers_.routing.expert_ids = committed.expert_ids;
  for (const bool normalize : {false, true}) {
    const std::vector<float> all = Run(kExperts, normalize, /*is_committed=*/true);
    ExpectDefinition(all, normalize, early);
    EXPECT_EQ(Run(2, normalize, /*is_committed=*/true), all);
  }
}

TEST_F(MoeLayerTest, WavesGiveTheBitsOfOneWave) {
  AddSharedExpert(true);
  const std::vector<float> all = Run(kExperts, true);
  for (const size_t num_slots : {1, 2, 3}) EXPECT_EQ(Run(num_slots, true), all) << num_slots;
}

}  // namespace
}  // namespace foregate
