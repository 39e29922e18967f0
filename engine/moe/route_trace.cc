#include "engine/moe/route_trace.h"

#include <charconv>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {
namespace {

void AppendNumber(uint64_t number, std::string* text) {
  char digits[20];
  const std::to_chars_result result = std::to_chars(digits, digits + sizeof(digits), number);
  text->append(digits, result.ptr);
}

}  // namespace

RouteStatistics::RouteStatistics(std::vector<int32_t> moe_layers, int32_t num_experts, int32_t top_k)
    : moe_layers_(std::move(moe_layers)),
      num_experts_(num_experts),
      top_k_(top_k),
      counts_(new std::atomic<uint64_t>[moe_layers_.size() * static_cast<size_t>(num_experts)]()) {
  FOREGATE_CHECK(num_experts >= 0 && top_k >= 0 && top_k <= num_experts);
}

void RouteStatistics::Record(size_t moe_layer_index, uint64_t step, std::span<const int32_t> row_positions,
                             std::span<const int32_t> experts) {
  FOREGATE_CHECK_LT(moe_layer_index, moe_layers_.size());
  const auto top_k = static_cast<size_t>(top_k_);
  FOREGATE_CHECK_EQ(experts.size(), row_positions.size() * top_k);
  std::atomic<uint64_t>* counts = &counts_[moe_layer_index * static_cast<size_t>(num_experts_)];
  for (const int32_t expert : experts) {
    FOREGATE_CHECK(expert >= 0 && expert < num_experts_);
    counts[expert].fetch_add(1, std::memory_order_relaxed);
  }
  if (!recording_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (!started_ || truncated_) return;
  for (size_t row = 0; row < row_positions.size(); ++row) {
    const size_t kept = trace_.size();
    AppendNumber(step, &trace_);
    trace_ += ',';
    AppendNumber(static_cast<uint64_t>(moe_layers_[moe_layer_index]), &trace_);
    trace_ += ',';
    AppendNumber(static_cast<uint64_t>(row_positions[row]), &trace_);
    for (const int32_t expert : experts.subspan(row * top_k, top_k)) {
      trace_ += ',';
      AppendNumber(static_cast<uint64_t>(expert), &trace_);
    }
    trace_ += '\n';
    if (trace_.size() <= max_trace_bytes_) continue;
    trace_.resize(kept);
    truncated_ = true;
    recording_.store(false, std::memory_order_relaxed);
    return;
  }
}

uint64_t RouteStatistics::count(size_t moe_layer_index, int32_t expert) const {
  FOREGATE_CHECK(moe_layer_index < moe_layers_.size() && expert >= 0 && expert < num_experts_);
  return counts_[moe_layer_index * static_cast<size_t>(num_experts_) + static_cast<size_t>(expert)].load(
      std::memory_order_relaxed);
}

absl::Status RouteStatistics::StartRecording(size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  if (started_) return absl::FailedPreconditionError("a routing trace is being recorded");
  trace_ = "step,layer,position";
  for (int32_t slot = 0; slot < top_k_; ++slot) trace_ += ",expert_" + std::to_string(slot);
  trace_ += '\n';
  max_trace_bytes_ = max_bytes;
  truncated_ = trace_.size() > max_bytes;
  started_ = true;
  recording_.store(!truncated_, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status RouteStatistics::StopRecording(std::string* csv, bool* truncated) {
  const std::lock_guard lock(mutex_);
  if (!started_) return absl::FailedPreconditionError("no routing trace is being recorded");
  started_ = false;
  recording_.store(false, std::memory_order_relaxed);
  *csv = std::exchange(trace_, std::string());
  *truncated = truncated_;
  return absl::OkStatus();
}

}  // namespace foregate
