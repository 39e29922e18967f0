// EngineLoop: the engine without a thread. Step() drains the mailbox, plans, computes one batch, samples and publishes.
//
// One thread calls Step() and AbortAll() and destroys the loop; Submit, Cancel, StopSample, StopAccepting, load() and
// the readers are thread-safe. Sinks are called from Step() and AbortAll() only, never with a lock held. The loop never
// touches device memory: it computes slot numbers and asks the device for copies.
#ifndef FOREGATE_ENGINE_ENGINE_LOOP_H_
#define FOREGATE_ENGINE_ENGINE_LOOP_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/active_request.h"
#include "engine/engine.h"
#include "engine/kv/block_allocator.h"
#include "engine/kv/kv_cache.h"
#include "engine/kv/prefix_cache.h"
#include "engine/request/mailbox.h"
#include "engine/sample/sampler.h"
#include "engine/schedule/batch_builder.h"
#include "engine/schedule/expert_turns.h"
#include "engine/schedule/scheduler.h"
#include "engine/schedule/step_cost.h"

namespace foregate {

class EngineLoop {
 public:
  // `device` and `clock` outlive the loop. INVALID_ARGUMENT naming a senseless option, FAILED_PRECONDITION with the
  // numbers when kv_bytes hold less than one sequence of max_sequence_tokens.
  static absl::StatusOr<std::unique_ptr<EngineLoop>> Create(const EngineOptions& options, Device* device,
                                                            std::unique_ptr<Decoder> decoder, const Clock* clock);
  ~EngineLoop();  // AbortAll(UNAVAILABLE)
  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;

  // One step. False when no request lives: then there is nothing to do until the mailbox has mail.
  bool Step();
  // Ends every request, in the mailbox too, with `status`.
  void AbortAll(const absl::Status& status);

  // See engine.h.
  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);
  EngineLoad load() const;

  Mailbox& mailbox() { return mailbox_; }
  const EngineMetrics& metrics() const { return metrics_; }
  const DecoderInfo& model() const { return decoder_->info(); }
  const EngineOptions& options() const { return options_; }
  const DeviceInfo& device() const { return device_->info(); }
  RouteStatistics& routing() { return routing_; }
  ExpertTier expert_tier() const { return decoder_->expert_tier(); }
  void LimitExpertMemory(uint64_t num_bytes) { expert_memory_.store(num_bytes, std::memory_order_relaxed); }
  // For tests of block accounting; engine thread.
  const BlockAllocator& allocator() const { return allocator_; }

 private:
  // What the decoder polls between layers and while it waits.
  class DropControl final : public StepControl {
   public:
    explicit DropControl(EngineLoop* loop) : loop_(loop) {}
    std::vector<int32_t> TakeDropped() override { return loop_->TakeDropped(); }
    SteadyTime wait_deadline() const override { return loop_->WaitDeadline(); }

   private:
    EngineLoop* const loop_;
  };

  // One sequence's part of the running step.
  struct Work {
    ActiveSample* sample = nullptr;
    int32_t num_tokens = 0;
    WantedLogits wanted = WantedLogits::kNone;
    bool dropped = false;
  };

  // A sample's next token, or why there is none.
  struct Drawn {
    ActiveSample* sample = nullptr;
    absl::StatusOr<TokenRecord> record;
  };

  EngineLoop(const EngineOptions& options, Device* device, std::unique_ptr<Decoder> decoder, const Clock* clock,
             int32_t num_blocks, KvCache kv);

  // engine_loop.cc: from the mailbox to the device.
  void DrainMailbox();
  void AddRequest(Submission submission);
  void ExpireDeadlines();
  void ApplyStops();
  absl::StatusOr<StepResult> RunStep();
  // Of a wait that begins now: a step that reads a whole model from disk waits often.
  SteadyTime WaitDeadline() const;
  // `planned`: when the decoder was launched; now_ is when it had ended.
  void ObserveStep(SteadyTime started, SteadyTime planned);
  std::vector<int32_t> TakeDropped();
  void PublishLoad(bool step_running);

  // engine_loop_batch.cc: from the living requests to a batch.
  void BuildSnapshot();
  void PacePrefill();
  void ApplyPlan();
  void Admit(ActiveSample* sample);
  void ReserveForDecode(ActiveSample* sample);

  // engine_loop_turns.cc: sequences that take turns by their experts; nothing without expert_turns_.
  void SetUpExpertTurns();
  void HoldForExperts();
  void CountPassedOver();
  void ObserveExperts(const LayerRouting& layer, size_t moe_index, size_t num_distinct);
  // `is_usual`: the step lost no rows.
  void ObserveTurnCost(SteadyTime::duration step_time, bool is_usual);

  // engine_loop_results.cc: from the logits to the sinks.
  void RecordRouting(const StepResult& result);
  TraceRow TraceRowOf(int32_t row) const;
  void ProcessResult(const StepResult& result);
  void RegisterBlocks(ActiveSample* sample);
  void CollectPromptLogprobs(ActiveSample* sample, int32_t first_position, std::span<const float> logits);
  void FinishPrompt(ActiveSample* sample);
  // The work's rows become tokens in drawn_. `largest`: of the last row the place of its largest logit, if known.
  void TakeRows(const Work& work, std::span<const float> logits, std::optional<int32_t> largest);
  void Draw(ActiveSample* sample, std::span<const float> logits, std::optional<int32_t> largest);
  absl::StatusOr<TokenRecord> DrawToken(ActiveSample* sample, std::span<const float> logits,
                                        std::optional<int32_t> largest);
  void EmitToken(ActiveSample* sample, absl::StatusOr<TokenRecord> record);
  void FinishSample(ActiveSample* sample, FinishReason reason);
  void MarkEnding(ActiveRequest* request, absl::Status status, RequestOutcome outcome);
  void EndMarkedRequests();
  void RemoveFromQueues(const ActiveSample* sample);

  const EngineOptions options_;
  Device* const device_;
  const Clock* const clock_;
  const std::unique_ptr<Decoder> decoder_;
  const bool reads_experts_;  // some are read from a file while the model is served
  const std::unique_ptr<Stream> copy_stream_;
  EngineMetrics metrics_;
  RouteStatistics routing_;
  Mailbox mailbox_;
  BlockAllocator allocator_;
  KvCache kv_;
  std::optional<PrefixCache> prefix_cache_;
  Sampler sampler_;
  DropControl drop_control_{this};
  std::atomic<uint64_t> expert_memory_{std::numeric_limits<uint64_t>::max()};  // experts take at most so much

  uint64_t next_ticket_ = 0;
  std::vector<std::unique_ptr<ActiveRequest>> requests_;  // in order of submission
  std::unordered_map<std::string, ActiveRequest*> by_id_;
  std::vector<ActiveRequest*> ending_;
  std::vector<ActiveSample*> running_;
  std::vector<ActiveSample*> waiting_;  // ascending by order

  // The running step; storage is reused.
  SteadyTime now_ = {};
  uint64_t step_ = 0;
  MailboxContents mail_;
  SchedulerSnapshot snapshot_;
  std::vector<ActiveSample*> snapshot_samples_;  // of snapshot_.sequences
  ServiceOrder service_order_;
  std::optional<ExpertTurns> expert_turns_;
  const ExpertCacheCounters* expert_cache_ = nullptr;  // of these turns
  const FetchCounters* expert_reads_ = nullptr;
  uint64_t expert_stall_us_ = 0;  // so far, when the last step ended
  uint64_t expert_read_bytes_ = 0;
  std::vector<ExpertTurns::Member> turn_members_;
  std::vector<uint8_t> held_;  // [turn_members_]
  StepPlan plan_;
  StepCost step_cost_;
  int32_t decode_rows_ = 0;  // of the running step
  std::vector<Work> work_;
  std::vector<Drawn> drawn_;
  std::vector<BatchSequence> batch_sequences_;
  Batch batch_;
  SteadyTime::duration sampling_time_ = {};  // of the running step
  bool copies_enqueued_ = false;
  absl::Status copy_status_;
  std::vector<float> row_scratch_;           // [vocab]
  std::vector<TraceRow> trace_rows_;         // rows of one layer
  std::vector<uint8_t> expert_scratch_;      // [num_experts]
  std::vector<int32_t> moe_index_of_layer_;  // [num_layers], -1: dense

  mutable std::mutex load_mutex_;
  EngineLoad load_;  // guarded by load_mutex_
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_ENGINE_LOOP_H_
