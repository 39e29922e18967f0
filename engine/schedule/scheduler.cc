#include "engine/schedule/scheduler.h"

#include <algorithm>
#include <limits>

namespace foregate {
namespace {

class Planner {
 public:
  Planner(const SchedulerSnapshot& snapshot, ServiceOrder* order, StepPlan* plan)
      : snapshot_(snapshot),
        plan_(plan),
        budget_(snapshot.limits.max_batch_tokens),
        chunk_(snapshot.limits.prefill_chunk_tokens),
        available_(snapshot.num_available_blocks),
        running_(order->running),
        waiting_(order->waiting) {
    running_.clear();
    waiting_.clear();
    for (size_t i = 0; i < snapshot.sequences.size(); ++i)
      (snapshot.sequences[i].running ? running_ : waiting_).push_back(static_cast<int32_t>(i));
    const auto before = [&](int32_t a, int32_t b) { return sequence(a).order < sequence(b).order; };
    std::sort(running_.begin(), running_.end(), before);
    std::sort(waiting_.begin(), waiting_.end(), before);
  }

  void Plan() {
    plan_->preempted.clear();
    plan_->work.clear();
    PlanDecodes(/*held=*/false);
    if (plan_->work.empty()) PlanDecodes(/*held=*/true);
    PacePrefill();
    for (const int32_t index : running_)
      if (Remaining(index) > 1) Schedule(index, /*admitted=*/false);
    if (plan_->preempted.empty()) Admit();
  }

 private:
  const SequenceSnapshot& sequence(int32_t index) const { return snapshot_.sequences[static_cast<size_t>(index)]; }
  int32_t Remaining(int32_t index) const { return sequence(index).num_tokens - sequence(index).num_computed; }
  int32_t BlocksFor(int32_t num_tokens) const {
    return (num_tokens + snapshot_.limits.block_size - 1) / snapshot_.limits.block_size;
  }

  void PlanDecodes(bool held) {
    // Preemption shortens running_ from its end, behind the sequence at hand.
    for (size_t i = 0; i < running_.size(); ++i)
      if (Remaining(running_[i]) == 1 && sequence(running_[i]).is_held == held) PlanDecode(i);
  }

  void PlanDecode(size_t i) {
    if (budget_ == 0) return;
    const SequenceSnapshot& decoding = sequence(running_[i]);
    const bool grows = BlocksFor(decoding.num_tokens) > decoding.num_blocks;
    const int32_t needed = grows || decoding.last_block_shared ? 1 : 0;
    while (available_ < needed && running_.size() > i + 1) {
      available_ += sequence(running_.back()).num_exclusive;
      plan_->preempted.push_back(running_.back());
      running_.pop_back();
    }
    if (available_ < needed) return;
    available_ -= needed;
    Schedule(running_[i], /*admitted=*/false);
  }

  // From here on the budget is that of prefill.
  void PacePrefill() {
    if (plan_->work.empty() || snapshot_.limits.max_prefill_rows >= budget_) return;
    budget_ = std::max(snapshot_.limits.max_prefill_rows, 0);
    const auto prefills = [&](int32_t index) { return Remaining(index) > 1; };
    const std::ptrdiff_t wanting = std::count_if(running_.begin(), running_.end(), prefills) + std::ssize(waiting_);
    if (wanting > 1) chunk_ = std::min(chunk_, (budget_ + 1) / 2);
  }

  void Schedule(int32_t index, bool admitted) {
    const int32_t take = std::min({Remaining(index), chunk_, budget_});
    if (take <= 0) return;
    budget_ -= take;
    plan_->work.push_back(ScheduledWork{index, take, admitted});
  }

  void Admit() {
    int32_t slots = 0;
    for (const int32_t index : running_) slots += sequence(index).num_slots;
    int32_t reserve = static_cast<int32_t>(running_.size());
    for (const int32_t index : waiting_) {
      const SequenceSnapshot& head = sequence(index);
      const int32_t hit_blocks = head.num_computed / snapshot_.limits.block_size;
      const int32_t needed = BlocksFor(head.num_tokens) - hit_blocks + head.num_cached_blocks;
      if (budget_ == 0 || slots + head.num_slots > snapshot_.limits.max_running || needed + reserve > available_)
        return;
      available_ -= needed;
      slots += head.num_slots;
      ++reserve;
      Schedule(index, /*admitted=*/true);
    }
  }

  const SchedulerSnapshot& snapshot_;
  StepPlan* const plan_;
  int32_t budget_;
  int32_t chunk_;
  int32_t available_;
  std::vector<int32_t>& running_;
  std::vector<int32_t>& waiting_;
};

}  // namespace

ScheduleOrder MakeScheduleOrder(int32_t priority, int64_t arrival_us, int64_t aging_us, uint64_t ticket,
                                int32_t sample) {
  ScheduleOrder order;
  order.ticket = ticket;
  order.sample = sample;
  if (aging_us <= 0) {
    order.negated_priority = -static_cast<int64_t>(priority);
    order.virtual_arrival_us = arrival_us;
    return order;
  }
  int64_t advance = 0;
  const bool overflow = __builtin_mul_overflow(static_cast<int64_t>(priority), aging_us, &advance) ||
                        __builtin_sub_overflow(arrival_us, advance, &order.virtual_arrival_us);
  if (overflow)
    order.virtual_arrival_us = priority > 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  return order;
}

void PlanStep(const SchedulerSnapshot& snapshot, ServiceOrder* order, StepPlan* plan) {
  Planner(snapshot, order, plan).Plan();
}

}  // namespace foregate
