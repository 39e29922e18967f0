// The first half of a step: what the scheduler is shown, and its plan as rows of a batch.
#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "engine/schedule/prefill_pace.h"
#include "kernels/base/check.h"

namespace foregate {

void EngineLoop::BuildSnapshot() {
  snapshot_.sequences.clear();
  snapshot_samples_.clear();
  snapshot_.num_available_blocks = allocator_.num_available();
  int32_t free_slots = options_.max_running_requests;
  for (ActiveSample* sample : running_) {
    const Sequence& sequence = sample->sequence;
    SequenceSnapshot item;
    item.order = sample->order;
    item.running = true;
    item.num_slots = sample->owner->forked ? 1 : sample->owner->request.num_samples;
    item.num_tokens = sequence.num_tokens();
    item.num_computed = sequence.num_computed();
    item.num_blocks = sequence.table().num_blocks();
    item.num_exclusive = sequence.table().num_exclusive();
    // Whether the next row falls into a block that exists; only the last can be shared and still have room.
    const bool writes_last = sequence.num_computed() < item.num_blocks * options_.kv_block_tokens;
    item.last_block_shared = writes_last && sequence.table().last_is_shared();
    free_slots -= item.num_slots;
    snapshot_.sequences.push_back(item);
    snapshot_samples_.push_back(sample);
  }
  // Only what could be admitted now is worth probing the prefix cache for.
  int64_t uncached_tokens = 0;
  for (ActiveSample* sample : waiting_) {
    if (free_slots <= 0 || uncached_tokens >= options_.max_batch_tokens) break;
    SequenceSnapshot item;
    item.order = sample->order;
    item.num_slots = sample->owner->forked ? 1 : sample->owner->request.num_samples;
    item.num_tokens = sample->sequence.num_tokens();
    if (prefix_cache_ && !sample->owner->wants_prompt_logprobs()) {
      std::vector<PrefixKey>& keys = sample->sequence.prefix_keys();
      prefix_cache_->ExtendKeys(sample->owner->prefix_root, sample->sequence.tokens(), &keys);
      // The last token is always computed: its logits are what the request waits for.
      const size_t usable = static_cast<size_t>((item.num_tokens - 1) / options_.kv_block_tokens);
      const PrefixProbe probe =
          prefix_cache_->Probe(sample->owner->prefix_root, std::span(keys).first(usable), sample->sequence.tokens());
      item.num_computed = probe.num_blocks * options_.kv_block_tokens;
      item.num_cached_blocks = probe.num_cached_blocks;
    }
    free_slots -= item.num_slots;
    uncached_tokens += item.num_tokens - item.num_computed;
    snapshot_.sequences.push_back(item);
    snapshot_samples_.push_back(sample);
  }
}

void EngineLoop::PacePrefill() {
  const int32_t stretch_percent = options_.max_itl_stretch_percent;
  if (stretch_percent == 0 || reads_experts_) return;
  int32_t decoding = 0;
  int32_t prefilling = 0;
  int32_t free_slots = options_.max_running_requests;
  for (const SequenceSnapshot& item : snapshot_.sequences) {
    if (!item.running) continue;
    (item.num_tokens - item.num_computed == 1 ? decoding : prefilling) += 1;
    free_slots -= item.num_slots;
  }
  // The snapshot stops at the waiting ones that fill a step; more may have a place.
  for (const ActiveSample* sample : waiting_) {
    if (free_slots <= 0) break;
    free_slots -= sample->owner->forked ? 1 : sample->owner->request.num_samples;
    ++prefilling;
  }
  snapshot_.limits.max_prefill_rows = PacedPrefillRows(step_cost_, stretch_percent / 100.0, decoding, prefilling);
}

void EngineLoop::ApplyPlan() {
  FOREGATE_CHECK(!plan_.work.empty() || !plan_.preempted.empty() || !running_.empty());
  work_.clear();
  batch_sequences_.clear();
  decode_rows_ = 0;
  int32_t prefill_rows = 0;
  copies_enqueued_ = false;
  copy_status_ = absl::OkStatus();
  const auto before = [](const ActiveSample* a, const ActiveSample* b) { return a->order < b->order; };
  for (const int32_t index : plan_.preempted) {
    ActiveSample* sample = snapshot_samples_[static_cast<size_t>(index)];
    sample->sequence.Preempt();
    std::erase(running_, sample);
    waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), sample, before), sample);
    ++sample->owner->summary.num_preemptions;
    metrics_.preemptions.Add();
  }
  // Every prefix hit is taken before any block is allocated: an allocation may evict what a later hit counts on.
  for (const ScheduledWork& planned : plan_.work) {
    if (!planned.admitted) continue;
    const SequenceSnapshot& item = snapshot_.sequences[static_cast<size_t>(planned.index)];
    ActiveSample* sample = snapshot_samples_[static_cast<size_t>(planned.index)];
    BlockTable table(&allocator_);
    const int32_t hit_blocks = item.num_computed / options_.kv_block_tokens;
    if (hit_blocks > 0) prefix_cache_->Acquire(sample->sequence.prefix_keys(), hit_blocks, &table);
    sample->sequence.Admit(std::move(table), item.num_computed);
    sample->sequence.set_num_registered_blocks(hit_blocks);
  }
  for (const ScheduledWork& planned : plan_.work) {
    ActiveSample* sample = snapshot_samples_[static_cast<size_t>(planned.index)];
    const SequenceSnapshot& item = snapshot_.sequences[static_cast<size_t>(planned.index)];
    const bool decodes = !planned.admitted && item.num_tokens - item.num_computed == 1;
    (decodes ? decode_rows_ : prefill_rows) += planned.num_tokens;
    if (planned.admitted) {
      Admit(sample);
    } else {
      ReserveForDecode(sample);
    }
    const Sequence& sequence = sample->sequence;
    Work work{sample, planned.num_tokens, WantedLogits::kNone, false};
    const bool completes = sequence.num_computed() + planned.num_tokens == sequence.num_tokens();
    if (completes) work.wanted = WantedLogits::kLastRow;
    if (sample->owner->wants_prompt_logprobs() && !sample->owner->forked) work.wanted = WantedLogits::kEveryRow;
    work_.push_back(work);
    batch_sequences_.push_back(BatchSequence{sequence.tokens().subspan(static_cast<size_t>(sequence.num_computed()),
                                                                       static_cast<size_t>(planned.num_tokens)),
                                             sequence.num_computed(), sequence.table().blocks(), work.wanted});
  }
  if (decode_rows_ > 0 && prefill_rows >= snapshot_.limits.max_prefill_rows) metrics_.paced_steps.Add();
}

void EngineLoop::Admit(ActiveSample* sample) {
  Sequence& sequence = sample->sequence;
  while (sequence.table().num_blocks() * options_.kv_block_tokens < sequence.num_tokens()) {
    const std::optional<int32_t> block = allocator_.Allocate();
    FOREGATE_CHECK(block.has_value());  // the plan counted them
    sequence.table().Append(*block);
  }
  std::erase(waiting_, sample);
  running_.push_back(sample);
  if (expert_turns_) expert_turns_->Begin(&sample->turn);
  ActiveRequest* request = sample->owner;
  sequence.Reserve(request->summary.num_prompt_tokens + request->max_tokens, options_.kv_block_tokens);
  if (request->was_scheduled) return;
  request->was_scheduled = true;
  request->first_scheduled = now_;
  request->summary.num_cached_tokens = sequence.num_computed();
  if (prefix_cache_ && !request->wants_prompt_logprobs()) {
    metrics_.prefix_cache_query_tokens.Add(static_cast<uint64_t>(sequence.num_tokens()));
    metrics_.prefix_cache_hit_tokens.Add(static_cast<uint64_t>(sequence.num_computed()));
  }
}

void EngineLoop::ReserveForDecode(ActiveSample* sample) {
  Sequence& sequence = sample->sequence;
  BlockTable& table = sequence.table();
  const bool grows = sequence.num_computed() == table.num_blocks() * options_.kv_block_tokens;
  if (!grows && !table.last_is_shared()) return;
  // A prefilling sequence owns the blocks that it writes: sharing begins when its prompt is done.
  FOREGATE_CHECK_EQ(sequence.num_tokens() - sequence.num_computed(), 1);
  const std::optional<int32_t> block = allocator_.Allocate();
  FOREGATE_CHECK(block.has_value());  // the plan counted it
  if (grows) {
    table.Append(*block);
    return;
  }
  // Copy on write: samples of one request share the partly filled last block of their prompt until they write.
  if (copy_status_.ok()) copy_status_ = kv_.CopyBlockAsync(table.blocks().back(), *block, *copy_stream_);
  copies_enqueued_ = true;
  table.ReplaceLast(*block);
}

}  // namespace foregate
