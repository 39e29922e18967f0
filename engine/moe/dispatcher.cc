#include "engine/moe/dispatcher.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "engine/moe/host_ids.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// How soon a wait notices that nobody wants it any more.
constexpr std::chrono::milliseconds kDropPeriod(50);
// What an expert gets while the store is silent, or when it was waited for in vain before: enough for a disk that works
// to bring one, so that a single read that hangs does not keep others from being tried, and little where each layer of
// each step would wait in vain.
constexpr std::chrono::milliseconds kStalledWait(100);

}  // namespace

absl::Status Dispatcher::ChooseExperts(int32_t layer, const RoutingTable& table,
                                       std::chrono::steady_clock::time_point wait_deadline, Stream& stream) {
  const auto num_experts = static_cast<size_t>(table.logits.dim(1));
  FOREGATE_RETURN_IF_ERROR(backend_.device->Record(stream)->Wait(wait_deadline));
  is_chosen_.assign(num_experts, 0);
  const std::span<const int32_t> ids = IdsOf(table.host_expert_ids);
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

bool Dispatcher::ForgetDropped(const RoutingTable& table, WaitingRows& rows) {
  const std::span<const int32_t> ids = IdsOf(table.host_expert_ids);
  const auto top_k = static_cast<size_t>(table.host_expert_ids.dim(1));
  is_dropped_.resize(ids.size() / top_k);
  rows.FindDropped(is_dropped_);
  std::fill(is_chosen_.begin(), is_chosen_.end(), 0);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (is_dropped_[i / top_k] == 0) is_chosen_[static_cast<size_t>(ids[i])] = 1;
  }
  const auto is_unwanted = [&](int32_t expert) { return is_chosen_[static_cast<size_t>(expert)] == 0; };
  const size_t num_forgotten =
      std::erase_if(missing_, is_unwanted) + std::erase_if(leased_, [&](const ExpertLease& lease) {
        return !lease.has_ended() && is_unwanted(lease.weights().expert);
      });
  return num_forgotten > 0;
}

bool Dispatcher::is_overdue(int32_t layer) const {
  // What has no slot waits for one of the same slots, so one stands for all.
  if (!missing_.empty() && !cache_.is_overdue({layer, missing_.front()})) return false;
  return std::all_of(leased_.begin(), leased_.end(), [&](const ExpertLease& lease) {
    return cache_.is_overdue({layer, lease.weights().expert});
  });
}

void Dispatcher::GiveUp(int32_t layer, std::chrono::steady_clock::duration waited, const absl::Status& why) {
  const auto fail = [&](int32_t expert) {
    cache_.MarkOverdue({layer, expert});
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
    failures_.push_back(
        {expert, absl::UnavailableError(ToString(ExpertKey{layer, expert}) + ": not there after " +
                                        std::to_string(milliseconds) + " ms: " + std::string(why.message()))});
  };
  std::erase_if(leased_, [&](const ExpertLease& lease) {
    if (lease.has_ended()) return false;  // in this moment
    fail(lease.weights().expert);
    return true;
  });
  for (const int32_t expert : missing_) fail(expert);
  missing_.clear();
}

absl::Status Dispatcher::AwaitArrival(int32_t layer, const RoutingTable& table, uint64_t seen, WaitingRows& rows) {
  const auto began = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point deadline = rows.wait_deadline();
  const bool was_overdue = is_overdue(layer);
  if (was_overdue || cache_.is_stalled()) deadline = std::min(deadline, began + kStalledWait);
  for (auto now = began;;) {
    const absl::Status arrived = cache_.WaitForArrival(seen, std::min(deadline, now + kDropPeriod));
    if (!absl::IsDeadlineExceeded(arrived)) return arrived;
    if (ForgetDropped(table, rows)) return absl::OkStatus();
    now = std::chrono::steady_clock::now();
    if (now < deadline) continue;
    if (!was_overdue) cache_.MarkStalled(seen);  // else it says nothing new of the store
    GiveUp(layer, now - began, arrived);
    return absl::OkStatus();
  }
}

absl::Status Dispatcher::RunChosen(int32_t layer, const RoutingTable& table, WaitingRows& rows, Stream& stream) {
  FOREGATE_RETURN_IF_ERROR(ChooseExperts(layer, table, rows.wait_deadline(), stream));
  FOREGATE_RETURN_IF_ERROR(LeaseResident(layer, stream));
  bool may_prefetch = prefetcher_ != nullptr;
  while (true) {
    FOREGATE_RETURN_IF_ERROR(LeaseMissing(layer, stream));
    if (may_prefetch && missing_.empty()) {
      may_prefetch = false;
      FOREGATE_RETURN_IF_ERROR(prefetcher_->Routed(layer, IdsOf(table.host_expert_ids), stream));
    }
    const uint64_t seen = cache_.num_ended();
    FOREGATE_ASSIGN_OR_RETURN(const size_t num_ended, ComputeArrived(stream));
    if (leased_.empty() && missing_.empty()) return absl::OkStatus();
    // Slots that are filled for other layers may be all that there are: they, too, end.
    if (num_ended == 0) FOREGATE_RETURN_IF_ERROR(AwaitArrival(layer, table, seen, rows));
  }
}

absl::Status Dispatcher::Run(int32_t layer, const TensorView& x, const RoutingTable& table,
                             const DispatchBuffers& buffers, const TensorView& acc, WaitingRows& rows, Stream& stream) {
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
    FOREGATE_RETURN_IF_ERROR(RunChosen(layer, table, rows, stream));
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
