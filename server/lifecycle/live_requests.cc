#include "server/lifecycle/live_requests.h"

#include <utility>

namespace foregate {
namespace {

class TrackingSink final : public TokenSink {
 public:
  TrackingSink(std::shared_ptr<TokenSink> sink, std::string id, LiveRequests* live)
      : sink_(std::move(sink)), id_(std::move(id)), live_(live) {}

  void OnPromptLogprobs(std::vector<TokenRecord> prompt) override { sink_->OnPromptLogprobs(std::move(prompt)); }
  void OnToken(int32_t sample, TokenRecord record) override { sink_->OnToken(sample, std::move(record)); }
  void OnSampleFinish(int32_t sample, FinishReason reason) override { sink_->OnSampleFinish(sample, reason); }
  void OnDone(const absl::Status& status, const RequestSummary& summary) override {
    live_->Remove(id_);  // before the sink hears of it: the id is free for the caller's next request
    sink_->OnDone(status, summary);
  }

 private:
  const std::shared_ptr<TokenSink> sink_;
  const std::string id_;
  LiveRequests* const live_;
};

class TrackedEngine final : public Engine {
 public:
  TrackedEngine(std::unique_ptr<Engine> engine, LiveRequests* live) : engine_(std::move(engine)), live_(live) {}

  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) override {
    const std::string id = request.id;
    // Before the engine knows it, because the sink may be done before Submit returns.
    if (!live_->Add(id)) return absl::AlreadyExistsError("request \"" + id + "\" is running");
    absl::Status status =
        engine_->Submit(std::move(request), std::make_shared<TrackingSink>(std::move(sink), id, live_));
    if (!status.ok()) live_->Remove(id);
    return status;
  }
  bool Cancel(const std::string& request_id, absl::Status reason) override {
    return engine_->Cancel(request_id, std::move(reason));
  }
  void StopSample(const std::string& request_id, int32_t sample) override { engine_->StopSample(request_id, sample); }
  void StopAccepting() override { engine_->StopAccepting(); }
  EngineLoad load() const override { return engine_->load(); }
  const EngineMetrics& metrics() const override { return engine_->metrics(); }
  const DecoderInfo& model() const override { return engine_->model(); }
  const EngineOptions& options() const override { return engine_->options(); }
  const DeviceInfo& device() const override { return engine_->device(); }
  RouteStatistics& routing() override { return engine_->routing(); }
  ExpertTier expert_tier() const override { return engine_->expert_tier(); }
  void LimitExpertMemory(uint64_t num_bytes) override { engine_->LimitExpertMemory(num_bytes); }

 private:
  const std::unique_ptr<Engine> engine_;
  LiveRequests* const live_;
};

}  // namespace

bool LiveRequests::Add(const std::string& id) {
  std::lock_guard lock(mutex_);
  return ids_.insert(id).second;
}

void LiveRequests::Remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  ids_.erase(id);
}

std::vector<std::string> LiveRequests::ids() const {
  std::lock_guard lock(mutex_);
  return {ids_.begin(), ids_.end()};
}

std::unique_ptr<Engine> TrackRequests(std::unique_ptr<Engine> engine, LiveRequests* live) {
  return std::make_unique<TrackedEngine>(std::move(engine), live);
}

}  // namespace foregate
