// The second half of a step: what the decoder computed becomes tokens, statistics and ends of requests.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "engine/engine_loop.h"
#include "engine/sample/counter_rng.h"
#include "engine/sample/logprobs.h"
#include "kernels/base/status_macros.h"

namespace foregate {

// A token that was generated before a preemption is computed again as part of a prompt.
TraceRow EngineLoop::TraceRowOf(int32_t row) const {
  const int32_t position = batch_.positions[static_cast<size_t>(row)];
  const Work& work = work_[static_cast<size_t>(batch_.row_sequences[static_cast<size_t>(row)])];
  const ActiveSample& sample = *work.sample;
  const bool is_decode = work.num_tokens == 1 && position >= static_cast<int32_t>(sample.owner->request.prompt.size());
  return {.request = sample.order.ticket << 16 | static_cast<uint64_t>(sample.order.sample),
          .position = position,
          .phase = is_decode ? TracePhase::kDecode : TracePhase::kPrefill};
}

void EngineLoop::RecordRouting(const StepResult& result) {
  const size_t num_experts = expert_scratch_.size();
  for (const LayerRouting& layer : result.routing) {
    const int32_t moe_index = moe_index_of_layer_[static_cast<size_t>(layer.layer)];
    FOREGATE_CHECK_GE(moe_index, 0);
    if (layer.rows.empty()) continue;
    trace_rows_.clear();
    for (const int32_t row : layer.rows) trace_rows_.push_back(TraceRowOf(row));
    routing_.Record(static_cast<size_t>(moe_index), step_, trace_rows_, layer.experts, layer.weights);

    const size_t top_k = layer.experts.size() / layer.rows.size();
    std::fill(expert_scratch_.begin(), expert_scratch_.end(), 0);
    for (size_t i = 0; i < layer.experts.size(); ++i) {
      const size_t expert = static_cast<size_t>(layer.experts[i]);
      expert_scratch_[expert] = 1;
      const size_t row = static_cast<size_t>(layer.rows[i / top_k]);
      ActiveRequest* request = work_[static_cast<size_t>(batch_.row_sequences[row])].sample->owner;
      if (request->request.want_expert_stats)
        ++request->summary.experts.counts[static_cast<size_t>(moe_index) * num_experts + expert];
    }
    const auto num_distinct = static_cast<size_t>(std::count(expert_scratch_.begin(), expert_scratch_.end(), 1));
    metrics_.distinct_experts_per_step.Observe(static_cast<double>(num_distinct));
    ObserveExperts(layer, static_cast<size_t>(moe_index), num_distinct);
  }
}

void EngineLoop::ProcessResult(const StepResult& result) {
  const size_t vocab = static_cast<size_t>(model().vocab_size);
  FOREGATE_CHECK_EQ(result.logits.size(), batch_.logits_rows.size() * vocab);
  FOREGATE_CHECK_EQ(result.dropped.size(), work_.size());
  size_t next_row = 0;
  drawn_.clear();
  for (size_t i = 0; i < work_.size(); ++i) {
    const Work& work = work_[i];
    const size_t num_rows = work.wanted == WantedLogits::kNone      ? 0
                            : work.wanted == WantedLogits::kLastRow ? 1
                                                                    : static_cast<size_t>(work.num_tokens);
    const std::span<const float> logits = result.logits.subspan(next_row * vocab, num_rows * vocab);
    next_row += num_rows;
    std::optional<int32_t> largest;  // of the last row
    if (num_rows > 0 && !result.largest.empty()) largest = result.largest[next_row - 1];
    ActiveSample* sample = work.sample;
    if (sample->owner->ending || work.dropped) continue;
    if (result.dropped[i]) {
      MarkEnding(
          sample->owner,
          result.failure.ok() ? absl::InternalError("the model gave the sequence up during a step") : result.failure,
          RequestOutcome::kError);
      continue;
    }
    TakeRows(work, logits, largest);
  }
  // All tokens first, then all sinks: text threads that are woken by one token find the others, too, instead of going
  // back to sleep while the next one is drawn. Waking them for each cost 240 us a step of 16 sampled streams.
  for (Drawn& drawn : drawn_)
    if (!drawn.sample->owner->ending) EmitToken(drawn.sample, std::move(drawn.record));
  drawn_.clear();
}

void EngineLoop::TakeRows(const Work& work, std::span<const float> logits, std::optional<int32_t> largest) {
  ActiveSample* sample = work.sample;
  ActiveRequest* request = sample->owner;
  const int32_t first_position = sample->sequence.num_computed();
  sample->sequence.Advance(work.num_tokens);
  RegisterBlocks(sample);
  if (work.wanted == WantedLogits::kEveryRow) CollectPromptLogprobs(sample, first_position, logits);
  if (request->ending || sample->sequence.num_computed() < sample->sequence.num_tokens()) return;
  const std::span<const float> last = logits.last(static_cast<size_t>(model().vocab_size));
  if (request->forked) {
    Draw(sample, last, largest);
    return;
  }
  FinishPrompt(sample);
  for (const auto& fork : request->samples) Draw(fork.get(), last, largest);
}

void EngineLoop::RegisterBlocks(ActiveSample* sample) {
  if (!prefix_cache_) return;
  Sequence& sequence = sample->sequence;
  const int32_t full = sequence.num_computed() / options_.kv_block_tokens;
  if (full == sequence.num_registered_blocks()) return;
  std::vector<PrefixKey>& keys = sequence.prefix_keys();
  prefix_cache_->ExtendKeys(sample->owner->prefix_root, sequence.tokens(), &keys);
  const size_t block_size = static_cast<size_t>(options_.kv_block_tokens);
  for (size_t b = static_cast<size_t>(sequence.num_registered_blocks()); b < static_cast<size_t>(full); ++b)
    prefix_cache_->Insert(b == 0 ? sample->owner->prefix_root : keys[b - 1], keys[b],
                          sequence.tokens().subspan(b * block_size, block_size), sequence.table().blocks()[b]);
  sequence.set_num_registered_blocks(full);
}

void EngineLoop::CollectPromptLogprobs(ActiveSample* sample, int32_t first_position, std::span<const float> logits) {
  ActiveRequest* request = sample->owner;
  std::vector<TokenRecord>& records = request->prompt_logprobs;
  const std::vector<int32_t>& prompt = request->request.prompt;
  if (records.empty()) {
    records.emplace_back();
    records.back().token = prompt[0];
  }
  const SteadyTime begun = clock_->Now();
  const size_t vocab = static_cast<size_t>(model().vocab_size);
  const size_t num_rows = logits.size() / vocab;
  for (size_t row = 0; row < num_rows; ++row) {
    const size_t predicted = static_cast<size_t>(first_position) + row + 1;
    // After a preemption rows come a second time.
    if (predicted >= prompt.size() || predicted != records.size()) continue;
    records.push_back(MakeTokenRecord(logits.subspan(row * vocab, vocab), prompt[predicted],
                                      request->request.sampling.num_prompt_logprobs));
    if (std::isnan(records.back().logprob.logprob)) {
      MarkEnding(request, absl::InternalError("the model computed a logit that is NaN or infinite"),
                 RequestOutcome::kError);
      break;
    }
  }
  sampling_time_ += clock_->Now() - begun;
}

void EngineLoop::FinishPrompt(ActiveSample* sample) {
  ActiveRequest* request = sample->owner;
  request->forked = true;
  request->prompt_done = now_;
  metrics_.prompt_tokens_cached.Add(static_cast<uint64_t>(request->summary.num_cached_tokens));
  metrics_.prompt_tokens_computed.Add(
      static_cast<uint64_t>(request->summary.num_prompt_tokens - request->summary.num_cached_tokens));
  for (int32_t i = 1; i < request->request.num_samples; ++i) {
    auto fork = std::make_unique<ActiveSample>(request, i, sample->sequence.Fork(), sample->processor);
    fork->order = sample->order;
    fork->order.sample = i;
    fork->turn = sample->turn;
    fork->sequence.Reserve(request->summary.num_prompt_tokens + request->max_tokens, options_.kv_block_tokens);
    running_.push_back(fork.get());
    request->samples.push_back(std::move(fork));
  }
  if (request->wants_prompt_logprobs()) request->sink->OnPromptLogprobs(std::move(request->prompt_logprobs));
}

void EngineLoop::Draw(ActiveSample* sample, std::span<const float> logits, std::optional<int32_t> largest) {
  const SteadyTime begun = clock_->Now();
  drawn_.push_back({sample, DrawToken(sample, logits, largest)});
  sampling_time_ += clock_->Now() - begun;
}

absl::StatusOr<TokenRecord> EngineLoop::DrawToken(ActiveSample* sample, std::span<const float> logits,
                                                  std::optional<int32_t> largest) {
  const SamplingParams& params = sample->owner->request.sampling;
  std::span<const float> processed = logits;
  if (sample->processor.active()) {
    row_scratch_.assign(logits.begin(), logits.end());
    sample->processor.Apply(row_scratch_);
    processed = row_scratch_;
    largest.reset();
  }
  FOREGATE_ASSIGN_OR_RETURN(
      const int32_t token,
      sampler_.Sample(processed, params, UniformDraw(params.seed, sample->index, sample->sequence.num_tokens()),
                      largest));
  if (params.num_logprobs >= 0) return MakeTokenRecord(logits, token, params.num_logprobs);
  TokenRecord record;
  record.token = token;
  return record;
}

void EngineLoop::EmitToken(ActiveSample* sample, absl::StatusOr<TokenRecord> record) {
  ActiveRequest* request = sample->owner;
  Sequence& sequence = sample->sequence;
  if (request->stop_requested[static_cast<size_t>(sample->index)]) {
    FinishSample(sample, FinishReason::kStopString);
    return;
  }
  if (!record.ok()) {
    MarkEnding(request, record.status(), RequestOutcome::kError);
    return;
  }
  const int32_t token = record->token;
  sequence.AppendToken(token);
  sample->processor.OnToken(token);
  if (!request->has_first_token()) {
    request->first_token = now_;
    metrics_.time_to_first_token.Observe(std::chrono::duration<double>(now_ - request->request.arrival).count());
  }
  if (sequence.num_generated_tokens() > 1)
    metrics_.inter_token_latency.Observe(std::chrono::duration<double>(now_ - sample->last_token).count());
  sample->last_token = request->last_token = now_;
  ++request->summary.num_generated_tokens;
  metrics_.generation_tokens.Add();
  request->sink->OnToken(sample->index, *std::move(record));

  const std::vector<int32_t>& stop_ids = request->request.stop_token_ids;
  // Before min_tokens the stop ids are masked, so that none can have been drawn.
  if (std::binary_search(stop_ids.begin(), stop_ids.end(), token)) {
    FinishSample(sample, FinishReason::kStopToken);
  } else if (sequence.num_generated_tokens() >= request->max_tokens) {
    FinishSample(sample, FinishReason::kLength);
  }
}

void EngineLoop::FinishSample(ActiveSample* sample, FinishReason reason) {
  ActiveRequest* request = sample->owner;
  RemoveFromQueues(sample);
  sample->sequence.Finish();
  if (reason == FinishReason::kLength) request->outcome = RequestOutcome::kLength;
  request->sink->OnSampleFinish(sample->index, reason);
  if (--request->num_open_samples == 0) MarkEnding(request, absl::OkStatus(), request->outcome);
}

void EngineLoop::MarkEnding(ActiveRequest* request, absl::Status status, RequestOutcome outcome) {
  if (request->ending) return;  // the first reason counts
  request->ending = true;
  request->status = std::move(status);
  request->outcome = outcome;
  ending_.push_back(request);
}

void EngineLoop::EndMarkedRequests() {
  if (ending_.empty()) return;
  for (ActiveRequest* request : ending_) {
    for (const auto& sample : request->samples) {
      if (sample->sequence.state() == SequenceState::kFinished) continue;
      RemoveFromQueues(sample.get());
      sample->sequence.Finish();
    }
    RecordEnd(request, now_, &metrics_);
    by_id_.erase(request->request.id);
    // Before OnDone, so that a caller who reacts to it may use the id again.
    mailbox_.Forget(request->request.id);
    request->sink->OnDone(request->status, request->summary);
  }
  ending_.clear();
  std::erase_if(requests_, [](const auto& request) { return request->ending; });
}

void EngineLoop::RemoveFromQueues(const ActiveSample* sample) {
  if (sample->sequence.state() == SequenceState::kRunning) {
    std::erase(running_, sample);
  } else {
    std::erase(waiting_, sample);
  }
}

}  // namespace foregate
