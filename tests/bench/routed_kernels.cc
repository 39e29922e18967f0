#include "tests/bench/routed_kernels.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// The layers in the order in which a step chooses for them.
std::vector<int32_t> OrderOfChoices(int32_t num_layers, int32_t distance) {
  std::vector<int32_t> order;
  for (int32_t layer = 0; layer < num_layers; ++layer) {
    if (distance > 0 && layer + distance < num_layers) order.push_back(layer + distance);
    if (distance == 0 || layer < distance) order.push_back(layer);
  }
  return order;
}

class RoutedKernels final : public Kernels {
 public:
  RoutedKernels(std::unique_ptr<Kernels> kernels, const RoutedOptions& options, const RoutingSource* routing)
      : kernels_(std::move(kernels)),
        options_(options),
        routing_(routing),
        order_(OrderOfChoices(options.model.num_layers, options.pre_gate_distance)) {
    truth_.resize(static_cast<size_t>(options.model.top_k));
  }

  absl::Status TopKRouter(const TopKRouterArgs& args, Stream& stream) override {
    FOREGATE_RETURN_IF_ERROR(kernels_->TopKRouter(args, stream));
    const bool is_guess = args.expert_ids.dim(1) > options_.model.top_k;
    const int32_t layer = order_[next_choice_] + (is_guess ? 1 : 0);
    FOREGATE_CHECK(layer < options_.model.num_layers);
    Overwrite(layer, args.expert_ids);
    if (!is_guess && ++next_choice_ == order_.size()) {
      next_choice_ = 0;
      ++step_;
    }
    return absl::OkStatus();
  }

  absl::Status Embed(const EmbedArgs& args, Stream& stream) override { return kernels_->Embed(args, stream); }
  absl::Status RmsNorm(const RmsNormArgs& args, Stream& stream) override { return kernels_->RmsNorm(args, stream); }
  absl::Status Linear(const LinearArgs& args, Stream& stream) override { return kernels_->Linear(args, stream); }
  absl::Status Clamp(const ClampArgs& args, Stream& stream) override { return kernels_->Clamp(args, stream); }
  absl::Status Rope(const RopeArgs& args, Stream& stream) override { return kernels_->Rope(args, stream); }
  absl::Status WriteKv(const WriteKvArgs& args, Stream& stream) override { return kernels_->WriteKv(args, stream); }
  absl::Status PagedAttention(const PagedAttentionArgs& args, Stream& stream) override {
    return kernels_->PagedAttention(args, stream);
  }
  absl::Status WeighExperts(const WeighExpertsArgs& args, Stream& stream) override {
    return kernels_->WeighExperts(args, stream);
  }
  absl::Status GroupByExpert(const GroupByExpertArgs& args, Stream& stream) override {
    return kernels_->GroupByExpert(args, stream);
  }
  absl::Status GroupedFfn(const GroupedFfnArgs& args, Stream& stream) override {
    if (!options_.waits_for_all) return kernels_->GroupedFfn(args, stream);
    if (deferred_.experts.empty()) {
      deferred_ = args;
    } else {
      deferred_.experts.insert(deferred_.experts.end(), args.experts.begin(), args.experts.end());
    }
    return absl::OkStatus();
  }
  // Follows when all experts of the layer were given to GroupedFfn.
  absl::Status Combine(const CombineArgs& args, Stream& stream) override {
    if (!deferred_.experts.empty()) {
      std::sort(deferred_.experts.begin(), deferred_.experts.end(),
                [](const auto& a, const auto& b) { return a.expert < b.expert; });
      const absl::Status computed = kernels_->GroupedFfn(deferred_, stream);
      deferred_.experts.clear();
      FOREGATE_RETURN_IF_ERROR(computed);
    }
    return kernels_->Combine(args, stream);
  }
  absl::Status SwiGlu(const SwiGluArgs& args, Stream& stream) override { return kernels_->SwiGlu(args, stream); }
  absl::Status Accumulate(const AccumulateArgs& args, Stream& stream) override {
    return kernels_->Accumulate(args, stream);
  }
  absl::Status GatherRows(const GatherRowsArgs& args, Stream& stream) override {
    return kernels_->GatherRows(args, stream);
  }
  absl::Status Fill(const FillArgs& args, Stream& stream) override { return kernels_->Fill(args, stream); }
  absl::Status ArgMax(const ArgMaxArgs& args, Stream& stream) override { return kernels_->ArgMax(args, stream); }

 private:
  void Overwrite(int32_t layer, const TensorView& expert_ids) {
    const auto num_rows = static_cast<size_t>(expert_ids.dim(0));
    const auto num_ranks = static_cast<size_t>(expert_ids.dim(1));
    for (size_t row = 0; row < num_rows; ++row) {
      routing_->Choose(step_, layer, row, num_rows, truth_);
      const std::span<int32_t> ids(expert_ids.as<int32_t>() + row * num_ranks, num_ranks);
      const double accuracy = num_ranks > truth_.size() ? options_.guess_accuracy : 1;
      const uint64_t seed = (step_ * 1000003 + static_cast<uint64_t>(layer)) * 1000003 + row;
      GuessWithAccuracy(truth_, options_.model.num_experts, accuracy, seed, ids);
    }
  }

  const std::unique_ptr<Kernels> kernels_;
  const RoutedOptions options_;
  const RoutingSource* const routing_;
  const std::vector<int32_t> order_;
  size_t next_choice_ = 0;
  uint64_t step_ = 0;
  std::vector<int32_t> truth_;
  GroupedFfnArgs deferred_;
};

}  // namespace

std::unique_ptr<Kernels> MakeRoutedKernels(std::unique_ptr<Kernels> kernels, const RoutedOptions& options,
                                           const RoutingSource* routing) {
  return std::make_unique<RoutedKernels>(std::move(kernels), options, routing);
}

}  // namespace foregate
