#include "engine/moe/dispatcher.h"

#include <memory>
#include <string>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {

absl::Status Dispatcher::ChooseExperts(const RoutingTable& table, std::chrono::steady_clock::time_point wait_deadline,
                                       Stream& stream) {
  const auto num_experts = static_cast<size_t>(table.logits.dim(1));
  chosen_.clear();
  if (cache_.holds_all()) {
    for (size_t expert = 0; expert < num_experts; ++expert) chosen_.push_back(static_cast<int32_t>(expert));
    return absl::OkStatus();
  }
  FOREGATE_RETURN_IF_ERROR(backend_.device->Record(stream)->Wait(wait_deadline));
  std::vector<bool> is_chosen(num_experts);
  const int32_t* ids = table.host_expert_ids.as<int32_t>();
  for (int64_t i = 0; i < table.host_expert_ids.num_elements(); ++i) {
    const auto expert = static_cast<size_t>(ids[i]);
    if (expert >= num_experts) return absl::InternalError("router chose expert " + std::to_string(ids[i]));
    is_chosen[expert] = true;
  }
  for (size_t expert = 0; expert < num_experts; ++expert) {
    if (is_chosen[expert]) chosen_.push_back(static_cast<int32_t>(expert));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Dispatcher::LeaseWave(int32_t layer, size_t first, Stream& stream) {
  leases_.clear();
  ffn_.experts.clear();
  for (size_t i = first; i < chosen_.size() && leases_.size() < cache_.num_slots(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(ExpertLease lease, cache_.Acquire({layer, chosen_[i]}, stream));
    ffn_.experts.push_back(lease.weights());
    leases_.push_back(std::move(lease));
  }
  return leases_.size();
}

absl::Status Dispatcher::Run(int32_t layer, const TensorView& x, const RoutingTable& table,
                             const DispatchBuffers& buffers, const TensorView& acc,
                             std::chrono::steady_clock::time_point wait_deadline, Stream& stream) {
  FOREGATE_RETURN_IF_ERROR(ChooseExperts(table, wait_deadline, stream));
  ffn_.x = x;
  ffn_.token_of = table.token_of;
  ffn_.offsets = table.offsets;
  ffn_.scratch = buffers.scratch;
  ffn_.y = buffers.y;
  int32_t combined = 0;  // experts below are in acc
  for (size_t first = 0; first < chosen_.size();) {
    FOREGATE_ASSIGN_OR_RETURN(const size_t count, LeaseWave(layer, first, stream));
    first += count;
    FOREGATE_RETURN_IF_ERROR(backend_.kernels->GroupedFfn(ffn_, stream));
    const int32_t end = chosen_[first - 1] + 1;
    FOREGATE_RETURN_IF_ERROR(backend_.kernels->Combine({.y = buffers.y,
                                                        .weights = table.weights,
                                                        .token_of = table.token_of,
                                                        .slot_of = table.slot_of,
                                                        .offsets = table.offsets,
                                                        .first_expert = combined,
                                                        .last_expert = end,
                                                        .acc = acc},
                                                       stream));
    combined = end;
  }
  leases_.clear();
  return absl::OkStatus();
}

}  // namespace foregate
