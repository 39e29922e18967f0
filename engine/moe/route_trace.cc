#include "engine/moe/route_trace.h"

#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {

RouteStatistics::RouteStatistics(std::vector<int32_t> moe_layers, int32_t num_experts, int32_t top_k)
    : moe_layers_(std::move(moe_layers)),
      num_experts_(num_experts),
      top_k_(top_k),
      counts_(new std::atomic<uint64_t>[moe_layers_.size() * static_cast<size_t>(num_experts)]()) {
  FOREGATE_CHECK(num_experts >= 0 && top_k >= 0 && top_k <= num_experts);
}

void RouteStatistics::Record(size_t moe_layer_index, uint64_t step, std::span<const TraceRow> rows,
                             std::span<const int32_t> experts, std::span<const float> weights) {
  FOREGATE_CHECK_LT(moe_layer_index, moe_layers_.size());
  FOREGATE_CHECK_EQ(experts.size(), rows.size() * static_cast<size_t>(top_k_));
  FOREGATE_CHECK(weights.empty() || weights.size() == experts.size());
  std::atomic<uint64_t>* counts = &counts_[moe_layer_index * static_cast<size_t>(num_experts_)];
  for (const int32_t expert : experts) {
    FOREGATE_CHECK(expert >= 0 && expert < num_experts_);
    counts[expert].fetch_add(1, std::memory_order_relaxed);
  }
  if (!recording_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (recorder_ == nullptr) return;
  const RoutedRows routed{
      .moe_layer_index = moe_layer_index, .step = step, .rows = rows, .experts = experts, .weights = weights};
  if (!recorder_->Add(routed)) recording_.store(false, std::memory_order_relaxed);
}

uint64_t RouteStatistics::count(size_t moe_layer_index, int32_t expert) const {
  FOREGATE_CHECK(moe_layer_index < moe_layers_.size() && expert >= 0 && expert < num_experts_);
  return counts_[moe_layer_index * static_cast<size_t>(num_experts_) + static_cast<size_t>(expert)].load(
      std::memory_order_relaxed);
}

absl::Status RouteStatistics::StartRecording(const RouteRecording& recording) {
  const std::lock_guard lock(mutex_);
  if (recorder_ != nullptr) return absl::FailedPreconditionError("a routing trace is being recorded");
  FOREGATE_ASSIGN_OR_RETURN(recorder_, MakeRouteRecorder(moe_layers_, num_experts_, top_k_, recording));
  recording_.store(true, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::StatusOr<RecordedRoutes> RouteStatistics::StopRecording() {
  const std::lock_guard lock(mutex_);
  if (recorder_ == nullptr) return absl::FailedPreconditionError("no routing trace is being recorded");
  recording_.store(false, std::memory_order_relaxed);
  return std::exchange(recorder_, nullptr)->Finish();
}

}  // namespace foregate
