// Every family against what transformers computed in float64 on a tiny random checkpoint (tests/data/models). The
// formula of the tolerance stands in tests/goldens/expected_outputs.h; the part of it that was used is printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/model/decoder_harness.h"
#include "kernels/ref/ref_backend.h"
#include "tests/goldens/expected_outputs.h"

namespace foregate {
namespace {

// Replaces what routers and pre-gates choose by what the test prescribes, with the weights that belong to it. Those of
// experts that a pre-gate chose are weighed later, by the operation for that.
class ForcedRouting : public Kernels {
 public:
  explicit ForcedRouting(std::unique_ptr<Kernels> base) : base_(std::move(base)) {}
  // Ids of each choice of the next step in the order of computation; empty: routers and pre-gates choose.
  void Force(std::vector<std::vector<std::vector<int32_t>>> layers) {
    layers_ = std::move(layers);
    next_layer_ = 0;
  }
  absl::Status TopKRouter(const TopKRouterArgs& a, Stream& stream) override {
    const absl::Status status = base_->TopKRouter(a, stream);
    if (!status.ok() || layers_.empty()) return status;
    const auto& ids = layers_[next_layer_++];
    const auto num_experts = static_cast<size_t>(a.logits.dim(1));
    for (size_t row = 0; row < ids.size(); ++row) {
      const float* logits = a.logits.as<float>() + row * num_experts;
      double sum = 0;
      for (size_t e = 0; e < num_experts; ++e) sum += std::exp(static_cast<double>(logits[e]));
      if (a.normalize) {
        sum = 0;
        for (const int32_t id : ids[row]) sum += std::exp(static_cast<double>(logits[id]));
      }
      for (size_t slot = 0; slot < ids[row].size(); ++slot) {
        const size_t at = row * ids[row].size() + slot;
        a.expert_ids.as<int32_t>()[at] = ids[row][slot];
        a.weights.as<float>()[at] = static_cast<float>(std::exp(static_cast<double>(logits[ids[row][slot]])) / sum);
      }
    }
    return status;
  }
  absl::Status WeighExperts(const WeighExpertsArgs& a, Stream& s) override { return base_->WeighExperts(a, s); }
  absl::Status Embed(const EmbedArgs& a, Stream& s) override { return base_->Embed(a, s); }
  absl::Status RmsNorm(const RmsNormArgs& a, Stream& s) override { return base_->RmsNorm(a, s); }
  absl::Status Linear(const LinearArgs& a, Stream& s) override { return base_->Linear(a, s); }
  absl::Status Clamp(const ClampArgs& a, Stream& s) override { return base_->Clamp(a, s); }
  absl::Status Rope(const RopeArgs& a, Stream& s) override { return base_->Rope(a, s); }
  absl::Status WriteKv(const WriteKvArgs& a, Stream& s) override { return base_->WriteKv(a, s); }
  absl::Status PagedAttention(const PagedAttentionArgs& a, Stream& s) override { return base_->PagedAttention(a, s); }
  absl::Status GroupByExpert(const GroupByExpertArgs& a, Stream& s) override { return base_->GroupByExpert(a, s); }
  absl::Status GroupedFfn(const GroupedFfnArgs& a, Stream& s) override { return base_->GroupedFfn(a, s); }
  absl::Status Combine(const CombineArgs& a, Stream& s) override { return base_->Combine(a, s); }
  absl::Status SwiGlu(const SwiGluArgs& a, Stream& s) override { return base_->SwiGlu(a, s); }
  absl::Status Accumulate(const AccumulateArgs& a, Stream& s) override { return base_->Accumulate(a, s); }
  absl::Status GatherRows(const GatherRowsArgs& a, Stream& s) override { return base_->GatherRows(a, s); }
  absl::Status Fill(const FillArgs& a, Stream& s) override { return base_->Fill(a, s); }
  absl::Status ArgMax(const ArgMaxArgs& a, Stream& s) override { return base_->ArgMax(a, s); }

 private:
  std::unique_ptr<Kernels> base_;
  std::vector<std::vector<std::vector<int32_t>>> layers_;
  size_t next_layer_ = 0;
};

class Golden : public testing::TestWithParam<const char*> {
 protected:
  Golden() : expected_(GetParam()), backend_(MakeRefBackend()) {
    auto forced = std::make_unique<ForcedRouting>(std::move(backend_.kernels));
    forced_ = forced.get();
    backend_.kernels = std::move(forced);
    harness_ = std::make_unique<DecoderHarness>(LoadOptions{.directory = expected_.directory()}, backend_);
  }
  const DecoderInfo& info() { return harness_->decoder().info(); }
  float RowTolerance(const std::vector<float>& row) { return GoldenTolerance(RowScale(row), info().num_layers); }

  // Compares a row and keeps the largest part of the tolerance that was used.
  void CompareRow(const std::vector<float>& actual, const std::vector<float>& wanted, const std::string& where) {
    ASSERT_EQ(actual.size(), wanted.size());
    const float tolerance = RowTolerance(wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const float error = std::fabs(actual[i] - wanted[i]);
      ASSERT_LE(error, tolerance) << where << " token " << i;
      used_ = std::max(used_, error / tolerance);
    }
  }

  ExpectedOutputs expected_;
  Backend backend_;
  ForcedRouting* forced_ = nullptr;
  std::unique_ptr<DecoderHarness> harness_;
  float used_ = 0;
};

// The layers whose experts are chosen, in the order of the choices: a layer's pre-gate chooses before its own router.
std::vector<int32_t> LayersByChoice(const DecoderInfo& info, int distance) {
  std::vector<int32_t> layers;
  const auto is_moe = [&](int32_t layer) {
    return std::find(info.moe_layers.begin(), info.moe_layers.end(), layer) != info.moe_layers.end();
  };
  for (int32_t layer = 0; layer < info.num_layers; ++layer) {
    if (distance > 0 && is_moe(layer + distance)) layers.push_back(layer + distance);
    if (is_moe(layer) && (distance == 0 || layer < distance)) layers.push_back(layer);
  }
  return layers;
}

// First row whose routing differs from the reference at a tie within the tolerance: from there on, rows attend to
// others that went another way. Fails where the routing differs without a tie.
size_t FirstTie(const ExpectedOutputs& expected, size_t prompt, const DecoderHarness::Result& result, int num_layers) {
  size_t first_tie = expected.prompt(prompt).size();
  for (const DecoderHarness::Routing& routing : result.routing) {
    const auto scores = expected.choosing_scores(prompt, routing.layer);
    const auto ids = expected.router_ids(prompt, routing.layer);
    const size_t top_k = ids[0].size();
    for (size_t row = 0; row < first_tie; ++row) {
      std::vector<int32_t> ours(routing.experts.begin() + static_cast<long>(row * top_k),
                                routing.experts.begin() + static_cast<long>((row + 1) * top_k));
      std::vector<int32_t> theirs = ids[row];
      std::sort(ours.begin(), ours.end());
      std::sort(theirs.begin(), theirs.end());
      if (ours == theirs) continue;
      std::vector<float> sorted = scores[row];
      std::sort(sorted.rbegin(), sorted.rend());
      EXPECT_LE(sorted[top_k - 1] - sorted[top_k], GoldenTolerance(RowScale(scores[row]), num_layers))
          << "prompt " << prompt << " layer " << routing.layer << " row " << row;
      first_tie = row;
    }
  }
  return first_tie;
}

TEST_P(Golden, LogitsAndExpertsOfEveryPrompt) {
  size_t num_compared = 0, num_all = 0;
  for (size_t i = 0; i < expected_.num_prompts(); ++i) {
    const auto result = harness_->Run({{static_cast<int>(i), expected_.prompt(i)}});
    const LogitRows wanted = expected_.logits(i);
    ASSERT_EQ(result.routing.size(), info().moe_layers.size());
    const size_t num_rows = FirstTie(expected_, i, result, info().num_layers);
    for (size_t row = 0; row < num_rows; ++row)
      CompareRow(result.logits[row], wanted[row], "prompt " + std::to_string(i) + " row " + std::to_string(row));
    num_compared += num_rows;
    num_all += wanted.size();
  }
  // A tie at 2^-24 in random weights is rare.
  EXPECT_GE(4 * num_compared, 3 * num_all);
  std::printf("%s: %zu rows, %.0f%% of the tolerance used\n", GetParam(), num_compared, 100.0 * used_);
}

TEST_P(Golden, LogitsWithTheReferencesExperts) {
  for (size_t i = 0; i < expected_.num_prompts(); ++i) {
    std::vector<std::vector<std::vector<int32_t>>> layers;
    for (const int32_t layer : LayersByChoice(info(), expected_.pre_gate_distance()))
      layers.push_back(expected_.router_ids(i, layer));
    forced_->Force(std::move(layers));
    const auto result = harness_->Run({{static_cast<int>(i), expected_.prompt(i)}});
    const LogitRows wanted = expected_.logits(i);
    ASSERT_EQ(result.logits.size(), wanted.size());
    for (size_t row = 0; row < wanted.size(); ++row)
      CompareRow(result.logits[row], wanted[row], "prompt " + std::to_string(i) + " row " + std::to_string(row));
  }
  std::printf("%s: %.0f%% of the tolerance used\n", GetParam(), 100.0 * used_);
}

TEST_P(Golden, GreedyTokensWhileTheMarginExceedsTheTolerance) {
  for (size_t i = 0; i < expected_.num_prompts(); ++i) {
    const std::vector<int32_t> wanted = expected_.greedy(i);
    const std::vector<double> margin = expected_.greedy_margin(i);
    const std::vector<int32_t> actual = harness_->Generate(static_cast<int>(i), expected_.prompt(i), wanted.size());
    const float tolerance = 2 * RowTolerance(expected_.logits(i).back());
    size_t num_safe = 0;
    while (num_safe < wanted.size() && margin[num_safe] > tolerance) ++num_safe;
    EXPECT_GE(num_safe, 5u);
    for (size_t t = 0; t < num_safe; ++t) ASSERT_EQ(actual[t], wanted[t]) << "prompt " << i << " token " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(FirstWave, Golden,
                         testing::Values("qwen3_moe", "qwen3_moe_mixed", "qwen2_moe", "olmoe", "mixtral",
                                         "qwen3_moe_pre_gate_1", "qwen3_moe_pre_gate_2", "olmoe_pre_gate_1",
                                         "olmoe_pre_gate_2"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace foregate
