#include "tests/fakes/fake_engine.h"

#include <algorithm>
#include <chrono>

namespace foregate {
namespace {

constexpr std::chrono::seconds kPatience{10};
// How often a held engine looks at deadlines.
constexpr std::chrono::milliseconds kTick{2};
constexpr int32_t kNumExperts = 4;

}  // namespace

FakeEngine::FakeEngine(FakeEngineOptions options)
    : routing_({0, 1}, kNumExperts, 2), script_(std::move(options.script)) {
  model_.architecture = "fake_moe";
  model_.weights_format = "f32";
  model_.vocab_size = options.vocab_size;
  model_.max_positions = options.max_sequence_tokens;
  model_.num_layers = 2;
  model_.num_experts = kNumExperts;
  model_.experts_per_token = 2;
  model_.hidden_size = 8;
  model_.moe_layers = {0, 1};
  engine_options_.max_sequence_tokens = options.max_sequence_tokens;
  engine_options_.max_running_requests = 64;
  engine_options_.max_queued_requests = 128;
  engine_options_.max_queued_tokens = 65536;
  engine_options_.kv_block_tokens = 16;
  device_.kind = "fake";
  device_.isa = "script";
  device_.numeric_contract = "fake-v1";
  thread_ = std::thread([this] { ThreadMain(); });
}

FakeEngine::~FakeEngine() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

absl::Status FakeEngine::Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!accepting_ || stopping_) return absl::UnavailableError("the engine accepts nothing new");
    if (!refusal_.ok()) return refusal_;
    for (const auto& other : running_) {
      if (other->request.id == request.id) {
        return absl::AlreadyExistsError("request id already running: " + request.id);
      }
    }
    auto running = std::make_unique<Running>();
    const size_t num_samples = static_cast<size_t>(request.num_samples);
    running->num_tokens.assign(num_samples, 0);
    running->finished.assign(num_samples, false);
    running->stop_asked.assign(num_samples, false);
    submitted_.push_back(request);
    running->request = std::move(request);
    running->sink = std::move(sink);
    running_.push_back(std::move(running));
  }
  wake_.notify_all();
  changed_.notify_all();
  return absl::OkStatus();
}

bool FakeEngine::Cancel(const std::string& request_id, absl::Status reason) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& running : running_) {
    if (running->request.id != request_id) continue;
    cancels_.emplace_back(request_id, reason);
    running->cancelled = std::move(reason);
    wake_.notify_all();
    changed_.notify_all();
    return true;
  }
  return false;
}

void FakeEngine::StopSample(const std::string& request_id, int32_t sample) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& running : running_) {
    if (running->request.id != request_id) continue;
    running->stop_asked[static_cast<size_t>(sample)] = true;
    ++num_stopped_samples_;
  }
  wake_.notify_all();
}

void FakeEngine::StopAccepting() {
  std::lock_guard<std::mutex> lock(mutex_);
  accepting_ = false;
}

EngineLoad FakeEngine::load() const {
  std::lock_guard<std::mutex> lock(mutex_);
  EngineLoad load;
  load.running_requests = static_cast<int32_t>(running_.size());
  return load;
}

void FakeEngine::SetScript(std::vector<int32_t> script) {
  std::lock_guard<std::mutex> lock(mutex_);
  script_ = std::move(script);
}

void FakeEngine::Refuse(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  refusal_ = std::move(status);
}

void FakeEngine::AllowSteps(int64_t steps) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    steps_allowed_ = steps;
  }
  wake_.notify_all();
}

bool FakeEngine::WaitForSubmitted(size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return submitted_.size() >= count; });
}

bool FakeEngine::WaitUntilIdle() {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return running_.empty(); });
}

std::vector<GenerationRequest> FakeEngine::submitted() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return submitted_;
}

std::vector<std::pair<std::string, absl::Status>> FakeEngine::cancels() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return cancels_;
}

size_t FakeEngine::num_stopped_samples() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return num_stopped_samples_;
}

void FakeEngine::ThreadMain() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    if (running_.empty()) {
      if (stopping_) return;
      wake_.wait(lock);
      continue;
    }
    const bool may_step = steps_allowed_ > 0;
    if (may_step && steps_allowed_ != kUnlimited) --steps_allowed_;
    std::vector<Running*> turn;
    for (auto& running : running_) turn.push_back(running.get());
    for (Running* running : turn) {
      absl::Status end =
          stopping_ ? absl::UnavailableError("the engine is stopping") : running->cancelled.value_or(absl::OkStatus());
      if (end.ok() && std::chrono::steady_clock::now() >= running->request.deadline) {
        end = absl::DeadlineExceededError("deadline exceeded");
      }
      const std::vector<bool> stop_asked = running->stop_asked;
      const std::vector<int32_t> script = script_;
      if (end.ok() && !may_step) continue;
      lock.unlock();
      const bool done = !end.ok() || Step(running, script, stop_asked);
      if (done) running->sink->OnDone(end, Summary(*running));
      lock.lock();
      if (!done) continue;
      running_.erase(std::find_if(running_.begin(), running_.end(), [&](auto& r) { return r.get() == running; }));
      changed_.notify_all();
    }
    if (!may_step && !running_.empty()) wake_.wait_for(lock, kTick);
  }
}

bool FakeEngine::Step(Running* running, const std::vector<int32_t>& script, const std::vector<bool>& stop_asked) {
  const GenerationRequest& request = running->request;
  if (!running->prompt_reported && request.sampling.num_prompt_logprobs >= 0) ReportPrompt(*running);
  running->prompt_reported = true;
  bool all_finished = true;
  for (size_t s = 0; s < running->finished.size(); ++s) {
    if (running->finished[s]) continue;
    const int32_t sample = static_cast<int32_t>(s);
    std::optional<FinishReason> reason;
    if (stop_asked[s]) {
      reason = FinishReason::kStopString;
    } else {
      const int32_t token = script[(static_cast<size_t>(running->num_tokens[s]) + s) % script.size()];
      ++running->num_tokens[s];
      running->sink->OnToken(sample, Record(token, request.sampling.num_logprobs));
      const auto& stops = request.stop_token_ids;
      if (running->num_tokens[s] > request.min_tokens && std::binary_search(stops.begin(), stops.end(), token)) {
        reason = FinishReason::kStopToken;
      } else if (running->num_tokens[s] >= request.max_tokens) {
        reason = FinishReason::kLength;
      }
    }
    running->finished[s] = reason.has_value();
    if (reason.has_value()) running->sink->OnSampleFinish(sample, *reason);
    all_finished = all_finished && running->finished[s];
  }
  return all_finished;
}

void FakeEngine::ReportPrompt(const Running& running) const {
  std::vector<TokenRecord> prompt;
  for (int32_t token : running.request.prompt) {
    prompt.push_back(Record(token, running.request.sampling.num_prompt_logprobs));
  }
  prompt.front().has_logprob = false;
  prompt.front().top.clear();
  running.sink->OnPromptLogprobs(std::move(prompt));
}

TokenRecord FakeEngine::Record(int32_t token, int32_t num_logprobs) const {
  TokenRecord record;
  record.token = token;
  if (num_logprobs < 0) return record;
  record.has_logprob = true;
  record.logprob = {token, -0.5f, 1};
  for (int32_t i = 0; i < num_logprobs; ++i) {
    record.top.push_back({(token + i) % model_.vocab_size, -0.5f - static_cast<float>(i), i + 1});
  }
  return record;
}

RequestSummary FakeEngine::Summary(const Running& running) const {
  RequestSummary summary;
  summary.num_prompt_tokens = static_cast<int32_t>(running.request.prompt.size());
  for (int32_t n : running.num_tokens) summary.num_generated_tokens += n;
  summary.queue_us = 10;
  summary.prefill_us = 20;
  summary.first_token_us = 30;
  summary.decode_us = 1000;
  if (running.request.want_expert_stats) {
    summary.experts.layers = model_.moe_layers;
    summary.experts.num_experts = kNumExperts;
    summary.experts.counts = {1, 2, 3, 4, 5, 6, 7, 8};
  }
  return summary;
}

}  // namespace foregate
