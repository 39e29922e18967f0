// Sequences that take turns by the experts that they want (schedule/expert_turns.h), where experts are read from a
// file.
#include <atomic>
#include <chrono>
#include <vector>

#include "engine/engine_loop.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

uint64_t BytesRead(const FetchCounters& reads) {
  uint64_t bytes = 0;
  for (const std::atomic<uint64_t>& of_class : reads.bytes_read) bytes += of_class.load(std::memory_order_relaxed);
  return bytes;
}

}  // namespace

void EngineLoop::SetUpExpertTurns() {
  const ExpertTier tier = decoder_->expert_tier();
  if (options_.expert_affinity_steps == 0) return;
  if (tier.store == nullptr || tier.cache == nullptr || tier.board == nullptr) return;
  expert_cache_ = tier.cache;
  expert_reads_ = tier.store;
  const DecoderInfo& info = decoder_->info();
  ExpertTurns::Options options{.layer_expert_bytes = {},
                               .experts_per_layer = static_cast<size_t>(info.num_experts),
                               .dense_bytes = static_cast<double>(info.dense_bytes),
                               .max_passed_over = options_.expert_affinity_steps};
  FOREGATE_CHECK_EQ(tier.board->layers().size(), info.moe_layers.size());
  for (const ExpertBoard::Layer& layer : tier.board->layers())
    options.layer_expert_bytes.push_back(static_cast<double>(layer.expert_bytes));
  expert_turns_.emplace(options);
}

void EngineLoop::HoldForExperts() {
  if (!expert_turns_) return;
  turn_members_.clear();
  for (size_t i = 0; i < snapshot_.sequences.size(); ++i) {
    const SequenceSnapshot& item = snapshot_.sequences[i];
    // The rows of a prompt want most experts: whoever decodes beside them reads next to nothing more.
    if (!item.running || item.num_tokens - item.num_computed > 1) return;
    ActiveSample* sample = snapshot_samples_[i];
    turn_members_.push_back({&sample->turn, sample->owner->request.priority});
  }
  const uint64_t memory_bytes = expert_cache_->memory_bytes.load(std::memory_order_relaxed);
  expert_turns_->Hold(turn_members_, static_cast<double>(memory_bytes), &held_);
  for (size_t i = 0; i < held_.size(); ++i) snapshot_.sequences[i].is_held = held_[i] != 0;
}

void EngineLoop::CountPassedOver() {
  if (!expert_turns_) return;
  for (const ScheduledWork& planned : plan_.work) {
    ExpertTurns::Ran(&snapshot_samples_[static_cast<size_t>(planned.index)]->turn);
    snapshot_.sequences[static_cast<size_t>(planned.index)].is_held = false;
  }
  for (size_t i = 0; i < snapshot_.sequences.size(); ++i) {
    if (!snapshot_.sequences[i].is_held) continue;
    ExpertTurns::SatOut(&snapshot_samples_[i]->turn);
    metrics_.expert_passed_over.Add();
  }
}

void EngineLoop::ObserveExperts(const LayerRouting& layer, size_t moe_index, size_t num_distinct) {
  if (!expert_turns_) return;
  expert_turns_->AddExperts(moe_index, num_distinct);
  const size_t top_k = layer.experts.size() / layer.rows.size();
  for (size_t i = 0; i < layer.rows.size(); ++i) {
    const int32_t sequence = batch_.row_sequences[static_cast<size_t>(layer.rows[i])];
    expert_turns_->Observe(moe_index, layer.experts.subspan(i * top_k, top_k),
                           &work_[static_cast<size_t>(sequence)].sample->turn);
  }
}

void EngineLoop::ObserveTurnCost(SteadyTime::duration step_time, bool is_usual) {
  if (!expert_turns_) return;
  const uint64_t stall_us = expert_cache_->stall_us.load(std::memory_order_relaxed);
  const uint64_t bytes = BytesRead(*expert_reads_);
  expert_turns_->EndStep(
      is_usual && batch_.num_rows() == decode_rows_, std::chrono::duration<double>(step_time).count(),
      static_cast<double>(stall_us - expert_stall_us_) / 1e6, static_cast<double>(bytes - expert_read_bytes_));
  expert_stall_us_ = stall_us;
  expert_read_bytes_ = bytes;
}

}  // namespace foregate
