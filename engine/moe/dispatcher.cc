#include "engine/moe/dispatcher.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

std::span<const int32_t> IdsOf(const RoutingTable& table) {
  return {table.host_expert_ids.as<int32_t>(), static_cast<size_t>(table.host_expert_ids.num_elements())};
}

}  // namespace

absl::Status Dispatcher::ChooseExperts(int32_t layer, const RoutingTable& table,
                                       std::chrono::steady_clock::time_point wait_deadline, Stream& stream) {
  const auto num_experts = static_cast<size_t>(table.logits.dim(1));
  FOREGATE_RETURN_IF_ERROR(backend_.device->Record(stream)->Wait(wait_deadline));
  is_chosen_.assign(num_experts, 0);
  const std::span<const int32_t> ids = IdsOf(table);
  for (const int32_t id : ids) {
    const auto expert = static_cast<size_t>(id);
    if (expert >= num_experts) return absl::InternalError("router chose expert " + std::to_string(id));
    is_chosen_[expert] = 1;
  }
  missing_.clear();
  for (size_t expert = 0; expert < num_experts; ++expert) {
    if (is_chosen_[expert] != 0) missing_.push_back(static_cast<int32_t>(expert));
  }
  cache_.Visit(layer, static_cast<size_t>(table.host_expert_ids.dim(0)), ids);
  return absl::OkStatus();
}

absl::Status Dispatcher::LeaseResident(int32_t layer, Stream& stream) {
  size_t kept = 0;
  for (const int32_t expert : missing_) {
    if (!cache_.has_slot({layer, expert})) {
      missing_[kept++] = expert;
      continue;
    }
    FOREGATE_ASSIGN_OR_RETURN(ExpertLease lease, cache_.Acquire({layer, expert}, stream));
    leased_.push_back(std::move(lease));
  }
  missing_.resize(kept);
  return absl::OkStatus();
}

absl::Status Dispatcher::LeaseMissing(int32_t layer, Stream& stream) {
  size_t num_leased = 0;
  for (const int32_t expert : missing_) {
    absl::StatusOr<ExpertLease> lease = cache_.Acquire({layer, expert}, stream);
    if (absl::IsResourceExhausted(lease.status())) break;  // when slots are free again
    FOREGATE_RETURN_IF_ERROR(lease.status());
    leased_.push_back(*std::move(lease));
    ++num_leased;
  }
  missing_.erase(missing_.begin(), missing_.begin() + static_cast<std::ptrdiff_t>(num_leased));
  return absl::OkStatus();
}

absl::StatusOr<size_t> Dispatcher::ComputeArrived(Stream& stream) {
  ended_.clear();
  ffn_.experts.clear();
  size_t kept = 0;
  for (ExpertLease& lease : leased_) {
    if (!lease.has_ended()) {
      std::swap(leased_[kept++], lease);
      continue;
    }
    if (absl::Status status = lease.status(); status.ok()) {
      ffn_.experts.push_back(lease.weights());
    } else {
      failures_.push_back({lease.weights().expert, std::move(status)});
    }
    ended_.push_back(std::move(lease));
  }
  leased_.resize(kept);
  std::sort(ffn_.experts.begin(), ffn_.experts.end(), [](const auto& a, const auto& b) { return a.expert < b.expert; });
  if (!ffn_.experts.empty()) FOREGATE_RETURN_IF_ERROR(backend_.kernels->GroupedFfn(ffn_, stream));
  const size_t num_ended = ended_.size();
  ended_.clear();
  return num_ended;
}

absl::Status Dispatcher::RunChosen(int32_t layer, const RoutingTable& table,
                                   std::chrono::steady_clock::time_point wait_deadline, Stream& stream) {
  FOREGATE_RETURN_IF_ERROR(ChooseExperts(layer, table, wait_deadline, stream));
  FOREGATE_RETURN_IF_ERROR(LeaseResident(layer, stream));
  bool may_prefetch = prefetcher_ != nullptr;
  while (true) {
    FOREGATE_RETURN_IF_ERROR(LeaseMissing(layer, stream));
    if (may_prefetch && missing_.empty()) {
      may_prefetch = false;
      FOREGATE_RETURN_IF_ERROR(prefetcher_->Routed(layer, IdsOf(table), stream));
    }
    const uint64_t seen = cache_.num_ended();
    FOREGATE_ASSIGN_OR_RETURN(const size_t num_ended, ComputeArrived(stream));
    if (leased_.empty() && missing_.empty()) return absl::OkStatus();
    // Slots that are filled for other layers may be all that there are: they, too, end.
    if (num_ended == 0) FOREGATE_RETURN_IF_ERROR(cache_.WaitForArrival(seen, wait_deadline));
  }
}

absl::Status Dispatcher::Run(int32_t layer, const TensorView& x, const RoutingTable& table,
                             const DispatchBuffers& buffers, const TensorView& acc,
                             std::chrono::steady_clock::time_point wait_deadline, Stream& stream) {
  const auto num_experts = static_cast<int32_t>(table.logits.dim(1));
  ffn_.x = x;
  ffn_.token_of = table.token_of;
  ffn_.offsets = table.offsets;
  ffn_.scratch = buffers.scratch;
  ffn_.y = buffers.y;
  leased_.clear();  // of a run that failed
  failures_.clear();
  if (cache_.holds_all()) {
    ffn_.experts = cache_.LayerWeights(layer);
    FOREGATE_RETURN_IF_ERROR(backend_.kernels->GroupedFfn(ffn_, stream));
  } else {
    FOREGATE_RETURN_IF_ERROR(RunChosen(layer, table, wait_deadline, stream));
  }
  return backend_.kernels->Combine({.y = buffers.y,
                                    .weights = table.weights,
                                    .token_of = table.token_of,
                                    .slot_of = table.slot_of,
                                    .offsets = table.offsets,
                                    .first_expert = 0,
                                    .last_expert = num_experts,
                                    .acc = acc},
                                   stream);
}

}  // namespace foregate
