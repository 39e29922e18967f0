// WaitingEngine: an engine for lifecycle tests. Its requests run until they are cancelled or finished by the test.
#ifndef FOREGATE_SERVER_LIFECYCLE_WAITING_ENGINE_H_
#define FOREGATE_SERVER_LIFECYCLE_WAITING_ENGINE_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "engine/engine.h"

namespace foregate {

class WaitingEngine final : public Engine {
 public:
  ~WaitingEngine() override = default;

  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) override {
    if (!is_accepting_) return absl::UnavailableError("not accepting");
    std::lock_guard lock(mutex_);
    sinks_.emplace(request.id, std::move(sink));
    return absl::OkStatus();
  }
  bool Cancel(const std::string& request_id, absl::Status reason) override { return End(request_id, reason); }
  void StopSample(const std::string&, int32_t) override {}
  void StopAccepting() override { is_accepting_ = false; }

  EngineLoad load() const override {
    std::lock_guard lock(mutex_);
    EngineLoad load;
    load.running_requests = static_cast<int32_t>(sinks_.size());
    load.step_started_us = step_started_us_;
    return load;
  }
  const EngineMetrics& metrics() const override { return metrics_; }
  const DecoderInfo& model() const override { return model_; }
  const EngineOptions& options() const override { return options_; }
  const DeviceInfo& device() const override { return device_; }
  RouteStatistics& routing() override { return routing_; }
  ExpertTier expert_tier() const override { return expert_tier_; }
  void LimitExpertMemory(uint64_t num_bytes) override { expert_memory_limit_ = num_bytes; }

  // False for an unknown id.
  bool End(const std::string& request_id, const absl::Status& status) {
    std::shared_ptr<TokenSink> sink;
    {
      std::lock_guard lock(mutex_);
      const auto found = sinks_.find(request_id);
      if (found == sinks_.end()) return false;
      sink = std::move(found->second);
      sinks_.erase(found);
    }
    sink->OnDone(status, RequestSummary());
    return true;
  }
  void set_step_started_us(int64_t value) { step_started_us_ = value; }
  bool is_accepting() const { return is_accepting_; }
  EngineMetrics& mutable_metrics() { return metrics_; }
  // 0: nobody has set one.
  uint64_t expert_memory_limit() const { return expert_memory_limit_; }
  // Before the engine is shared.
  void set_expert_tier(ExpertTier tier) { expert_tier_ = std::move(tier); }

 private:
  std::atomic<bool> is_accepting_{true};
  std::atomic<int64_t> step_started_us_{0};
  std::atomic<uint64_t> expert_memory_limit_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<TokenSink>> sinks_;  // guarded by mutex_
  EngineMetrics metrics_;
  DecoderInfo model_;
  ExpertTier expert_tier_;
  EngineOptions options_;
  DeviceInfo device_;
  RouteStatistics routing_{{1, 3}, 4, 2};
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_WAITING_ENGINE_H_
