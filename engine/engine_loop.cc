#include "engine/engine_loop.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/schedule/prefill_pace.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

int64_t Micros(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

// What a failed step tells its requests: what may pass when they try again, and what is broken.
absl::StatusCode StepFailureCode(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      return error.code();
    case absl::StatusCode::kDeadlineExceeded:  // of a wait inside the step, not of a request
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status RequirePositive(const char* name, int64_t value) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + " is " + std::to_string(value) + ", it must be positive");
}

absl::Status ValidateOptions(const EngineOptions& options, const DecoderInfo& model) {
  FOREGATE_RETURN_IF_ERROR(RequirePositive("max_batch_tokens", options.max_batch_tokens));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("max_running_requests", options.max_running_requests));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("max_queued_requests", options.max_queued_requests));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("max_queued_tokens", options.max_queued_tokens));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("prefill_chunk_tokens", options.prefill_chunk_tokens));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("kv_block_tokens", options.kv_block_tokens));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("kv_bytes", options.kv_bytes));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("max_sequence_tokens", options.max_sequence_tokens));
  FOREGATE_RETURN_IF_ERROR(RequirePositive("step_wait_timeout_us", options.step_wait_timeout_us));
  if (options.expert_affinity_steps < 0)
    return absl::InvalidArgumentError("expert_affinity_steps is " + std::to_string(options.expert_affinity_steps) +
                                      ", it must be 0 (off) or more");
  if (options.max_itl_stretch_percent != 0 && options.max_itl_stretch_percent <= 100)
    return absl::InvalidArgumentError("max_itl_stretch_percent is " + std::to_string(options.max_itl_stretch_percent) +
                                      ", it must be 0 (off) or above 100");
  if (options.max_sequence_tokens > model.max_positions)
    return absl::InvalidArgumentError("max_sequence_tokens is " + std::to_string(options.max_sequence_tokens) +
                                      ", the model's context limit is " + std::to_string(model.max_positions));
  return absl::OkStatus();
}

// The blocks that kv_bytes hold, at most what slot numbers of 32 bits can address.
absl::StatusOr<int32_t> CountBlocks(const EngineOptions& options, const Decoder& decoder) {
  const uint64_t block_bytes = KvCache::BytesPerBlock(decoder.kv_layouts(), options.kv_block_tokens);
  FOREGATE_RETURN_IF_ERROR(RequirePositive("KV bytes per token", static_cast<int64_t>(block_bytes)));
  const uint64_t max_blocks = static_cast<uint64_t>(std::numeric_limits<int32_t>::max() / options.kv_block_tokens);
  const uint64_t blocks = std::min(static_cast<uint64_t>(options.kv_bytes) / block_bytes, max_blocks);
  const uint64_t needed =
      (static_cast<uint64_t>(options.max_sequence_tokens) + static_cast<uint64_t>(options.kv_block_tokens) - 1) /
      static_cast<uint64_t>(options.kv_block_tokens);
  if (blocks < needed)
    return absl::FailedPreconditionError(
        "kv_bytes = " + std::to_string(options.kv_bytes) + " hold " + std::to_string(blocks) + " blocks of " +
        std::to_string(options.kv_block_tokens) + " tokens (" + std::to_string(block_bytes) +
        " bytes each); one sequence of max_sequence_tokens = " + std::to_string(options.max_sequence_tokens) +
        " needs " + std::to_string(needed) + " blocks, that is " + std::to_string(needed * block_bytes) + " bytes");
  return static_cast<int32_t>(blocks);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EngineLoop>> EngineLoop::Create(const EngineOptions& options, Device* device,
                                                               std::unique_ptr<Decoder> decoder, const Clock* clock) {
  FOREGATE_RETURN_IF_ERROR(ValidateOptions(options, decoder->info()));
  FOREGATE_ASSIGN_OR_RETURN(const int32_t num_blocks, CountBlocks(options, *decoder));
  FOREGATE_ASSIGN_OR_RETURN(KvCache kv,
                            KvCache::Create(device, decoder->kv_layouts(), num_blocks, options.kv_block_tokens));
  return std::unique_ptr<EngineLoop>(
      new EngineLoop(options, device, std::move(decoder), clock, num_blocks, std::move(kv)));
}

EngineLoop::EngineLoop(const EngineOptions& options, Device* device, std::unique_ptr<Decoder> decoder,
                       const Clock* clock, int32_t num_blocks, KvCache kv)
    : options_(options),
      device_(device),
      clock_(clock),
      decoder_(std::move(decoder)),
      reads_experts_(decoder_->expert_tier().store != nullptr),
      copy_stream_(device->NewStream()),
      routing_(decoder_->info().moe_layers, decoder_->info().num_experts, decoder_->info().experts_per_token),
      mailbox_(MailboxLimits{options.max_queued_requests, options.max_queued_tokens}),
      allocator_(num_blocks),
      kv_(std::move(kv)) {
  const DecoderInfo& info = decoder_->info();
  if (options_.prefix_cache) prefix_cache_.emplace(&allocator_, options_.kv_block_tokens, info.identity);
  snapshot_.limits = SchedulerLimits{options_.max_batch_tokens, options_.max_running_requests,
                                     options_.prefill_chunk_tokens, options_.kv_block_tokens, kUnlimitedPrefillRows};
  const int32_t max_blocks = (options_.max_sequence_tokens - 1) / options_.kv_block_tokens + 1;
  ReserveBatch(options_.max_batch_tokens, std::min(options_.max_running_requests, options_.max_batch_tokens),
               max_blocks, &batch_);
  expert_scratch_.resize(static_cast<size_t>(info.num_experts));
  moe_index_of_layer_.assign(static_cast<size_t>(info.num_layers), -1);
  for (size_t i = 0; i < info.moe_layers.size(); ++i)
    moe_index_of_layer_[static_cast<size_t>(info.moe_layers[i])] = static_cast<int32_t>(i);
  SetUpExpertTurns();
  now_ = clock_->Now();
  PublishLoad(/*step_running=*/false);
}

EngineLoop::~EngineLoop() { AbortAll(absl::UnavailableError("the engine is being shut down")); }

absl::Status EngineLoop::Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  const auto refuse = [&](const std::string& message) {
    metrics_.requests[static_cast<size_t>(RequestOutcome::kRejected)].Add();
    return absl::InvalidArgumentError(message);
  };
  if (request.prompt.empty()) return refuse("prompt is empty");
  const int32_t vocab_size = model().vocab_size;
  for (const int32_t token : request.prompt)
    if (token < 0 || token >= vocab_size)
      return refuse("prompt holds token id " + std::to_string(token) + ", the vocabulary has " +
                    std::to_string(vocab_size) + " ids");
  if (request.prompt.size() + 1 > static_cast<size_t>(options_.max_sequence_tokens))
    return refuse("prompt has " + std::to_string(request.prompt.size()) +
                  " tokens; with one generated token the limit is " + std::to_string(options_.max_sequence_tokens));
  if (request.max_tokens < 1)
    return refuse("max_tokens is " + std::to_string(request.max_tokens) + ", it must be at least 1");
  if (request.num_samples < 1 || request.num_samples > options_.max_running_requests)
    return refuse("n is " + std::to_string(request.num_samples) +
                  ", the limit is max_running_requests = " + std::to_string(options_.max_running_requests));
  if (request.arrival == SteadyTime{}) request.arrival = clock_->Now();
  const absl::Status status = mailbox_.Submit(std::move(request), std::move(sink));
  if (!status.ok()) metrics_.requests[static_cast<size_t>(RequestOutcome::kRejected)].Add();
  return status;
}

bool EngineLoop::Step() {
  now_ = clock_->Now();
  const SteadyTime started = now_;
  decoder_->LimitExpertMemory(expert_memory_.load(std::memory_order_relaxed));
  DrainMailbox();
  ExpireDeadlines();
  ApplyStops();
  EndMarkedRequests();
  if (requests_.empty()) {
    PublishLoad(/*step_running=*/false);
    return false;
  }

  BuildSnapshot();
  PacePrefill();
  HoldForExperts();
  PlanStep(snapshot_, &service_order_, &plan_);
  CountPassedOver();
  ApplyPlan();
  if (!work_.empty()) {
    PublishLoad(/*step_running=*/true);
    BuildBatch(batch_sequences_, options_.kv_block_tokens, &batch_);
    sampling_time_ = {};
    const SteadyTime planned = clock_->Now();
    const absl::StatusOr<StepResult> result = RunStep();
    now_ = clock_->Now();
    // A step that lost rows waited for what has nothing to do with their number, nor with what they want.
    const bool is_usual = result.ok() && result->failure.ok();
    if (result.ok()) RecordRouting(*result);
    ObserveTurnCost(now_ - planned, is_usual);
    if (result.ok()) {
      ProcessResult(*result);
    } else {
      const absl::Status& error = result.status();
      const absl::StatusCode code = StepFailureCode(error);
      for (const Work& work : work_)
        MarkEnding(work.sample->owner, absl::Status(code, "step failed: " + std::string(error.message())),
                   RequestOutcome::kError);
    }
    ++step_;
    work_.clear();
    EndMarkedRequests();
    ObserveStep(started, planned);
    if (is_usual)
      step_cost_.Observe(decode_rows_, batch_.num_rows() - decode_rows_,
                         std::chrono::duration<double>(clock_->Now() - started).count());
  }
  PublishLoad(/*step_running=*/false);
  return true;
}

void EngineLoop::ObserveStep(SteadyTime started, SteadyTime planned) {
  const SteadyTime ended = clock_->Now();
  const auto observe = [](Histogram& histogram, SteadyTime::duration time) {
    histogram.Observe(std::chrono::duration<double>(time).count());
  };
  const auto phase = [&](StepPhase which) -> Histogram& {
    return metrics_.step_phase_time[static_cast<size_t>(which)];
  };
  metrics_.steps.Add();
  metrics_.step_tokens.Observe(batch_.num_rows());
  observe(metrics_.step_time, ended - started);
  observe(phase(StepPhase::kSchedule), planned - started);
  observe(phase(StepPhase::kForward), now_ - planned);
  observe(phase(StepPhase::kSample), sampling_time_);
  observe(phase(StepPhase::kPublish), ended - now_ - sampling_time_);
}

void EngineLoop::AbortAll(const absl::Status& status) {
  now_ = clock_->Now();
  DrainMailbox();
  for (const auto& request : requests_) MarkEnding(request.get(), status, RequestOutcome::kCancelled);
  EndMarkedRequests();
}

void EngineLoop::DrainMailbox() {
  if (!mailbox_.HasMail()) return;
  mailbox_.Drain(&mail_);
  for (Submission& submission : mail_.submissions) AddRequest(std::move(submission));
  mail_.submissions.clear();
  for (const auto& [id, reason] : mail_.cancels) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) continue;
    const RequestOutcome outcome =
        absl::IsDeadlineExceeded(reason) ? RequestOutcome::kDeadline : RequestOutcome::kCancelled;
    MarkEnding(found->second, reason, outcome);
  }
  for (const auto& [id, sample] : mail_.stops) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) continue;
    found->second->stop_requested[static_cast<size_t>(sample)] = 1;
    found->second->has_stop_requests = true;
  }
}

void EngineLoop::AddRequest(Submission submission) {
  auto owned = std::make_unique<ActiveRequest>();
  ActiveRequest* request = owned.get();
  request->request = std::move(submission.request);
  request->sink = std::move(submission.sink);
  const GenerationRequest& wish = request->request;
  const int32_t num_prompt_tokens = static_cast<int32_t>(wish.prompt.size());
  request->max_tokens = std::min(wish.max_tokens, options_.max_sequence_tokens - num_prompt_tokens);
  request->summary.num_prompt_tokens = num_prompt_tokens;
  request->stop_requested.assign(static_cast<size_t>(wish.num_samples), 0);
  request->num_open_samples = wish.num_samples;
  if (prefix_cache_) request->prefix_root = prefix_cache_->Root(wish.cache_salt);
  if (wish.want_expert_stats) {
    request->summary.experts.layers = model().moe_layers;
    request->summary.experts.num_experts = model().num_experts;
    request->summary.experts.counts.assign(model().moe_layers.size() * static_cast<size_t>(model().num_experts), 0);
  }
  auto sample = std::make_unique<ActiveSample>(request, 0, Sequence(wish.prompt, &allocator_), LogitsProcessor(&wish));
  sample->order = MakeScheduleOrder(wish.priority, Micros(wish.arrival), options_.priority_aging_us, next_ticket_++, 0);
  const auto before = [](const ActiveSample* a, const ActiveSample* b) { return a->order < b->order; };
  waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), sample.get(), before), sample.get());
  request->samples.push_back(std::move(sample));
  by_id_.emplace(wish.id, request);
  requests_.push_back(std::move(owned));
}

void EngineLoop::ExpireDeadlines() {
  for (const auto& request : requests_)
    if (now_ >= request->request.deadline)
      MarkEnding(request.get(), absl::DeadlineExceededError("the request's deadline passed"),
                 RequestOutcome::kDeadline);
}

void EngineLoop::ApplyStops() {
  for (const auto& request : requests_) {
    if (!request->has_stop_requests || request->ending) continue;
    if (request->forked) {
      request->has_stop_requests = false;
      for (const auto& sample : request->samples)
        if (request->stop_requested[static_cast<size_t>(sample->index)] &&
            sample->sequence.state() != SequenceState::kFinished)
          FinishSample(sample.get(), FinishReason::kStopString);
    } else if (std::count(request->stop_requested.begin(), request->stop_requested.end(), 0) == 0) {
      // Before the prompt is computed the samples have no text; they end when all of them are unwanted.
      for (int32_t i = 0; i < request->request.num_samples; ++i)
        request->sink->OnSampleFinish(i, FinishReason::kStopString);
      MarkEnding(request.get(), absl::OkStatus(), RequestOutcome::kStop);
    }
  }
}

SteadyTime EngineLoop::WaitDeadline() const {
  return clock_->Now() + std::chrono::microseconds(options_.step_wait_timeout_us);
}

absl::StatusOr<StepResult> EngineLoop::RunStep() {
  FOREGATE_RETURN_IF_ERROR(copy_status_);
  if (copies_enqueued_) FOREGATE_RETURN_IF_ERROR(device_->Record(*copy_stream_)->Wait(WaitDeadline()));
  FOREGATE_ASSIGN_OR_RETURN(
      auto step, decoder_->Launch(batch_, kv_.layers(), options_.kv_block_tokens, RankContext{}, drop_control_));
  return decoder_->Collect(std::move(step));
}

std::vector<int32_t> EngineLoop::TakeDropped() {
  // Here as well: a step that reads a whole model lasts seconds, and what memory runs short for does not wait.
  decoder_->LimitExpertMemory(expert_memory_.load(std::memory_order_relaxed));
  DrainMailbox();
  const SteadyTime now = clock_->Now();
  std::vector<int32_t> dropped;
  for (size_t i = 0; i < work_.size(); ++i) {
    Work& work = work_[i];
    if (work.dropped) continue;
    ActiveRequest* request = work.sample->owner;
    if (now >= request->request.deadline)
      MarkEnding(request, absl::DeadlineExceededError("the request's deadline passed"), RequestOutcome::kDeadline);
    const bool stopped = request->forked && request->stop_requested[static_cast<size_t>(work.sample->index)];
    if (!request->ending && !stopped && !mailbox_.shutdown()) continue;
    work.dropped = true;
    dropped.push_back(static_cast<int32_t>(i));
  }
  return dropped;
}

void EngineLoop::PublishLoad(bool step_running) {
  QueueDepth waiting;
  int32_t running_requests = 0;
  const auto runs = [](const auto& sample) { return sample->sequence.state() == SequenceState::kRunning; };
  for (const auto& request : requests_) {
    if (std::any_of(request->samples.begin(), request->samples.end(), runs)) {
      ++running_requests;
    } else {
      ++waiting.requests;
      for (const auto& sample : request->samples) waiting.tokens += sample->sequence.num_tokens();
    }
  }
  mailbox_.SetWaiting(waiting);
  const std::lock_guard<std::mutex> lock(load_mutex_);
  load_.running_requests = running_requests;
  load_.kv_blocks_total = allocator_.num_blocks();
  load_.kv_blocks_used = allocator_.num_used();
  load_.kv_blocks_cached = allocator_.num_cached();
  load_.steps = step_;
  if (step_running) {
    load_.step_started_us = Micros(now_);
  } else {
    load_.step_started_us = 0;
    load_.last_progress_us = Micros(now_);
  }
}

EngineLoad EngineLoop::load() const {
  const QueueDepth waiting = mailbox_.depth();
  const std::lock_guard<std::mutex> lock(load_mutex_);
  EngineLoad load = load_;
  load.waiting_requests = waiting.requests;
  load.waiting_tokens = waiting.tokens;
  return load;
}

}  // namespace foregate
