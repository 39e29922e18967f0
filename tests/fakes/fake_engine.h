// FakeEngine: an Engine that speaks a script instead of a model, refuses when told, and holds back until told.
//
// One thread of its own calls the sinks, as the real engine's does. Requests run side by side, one token of each sample
// a step. The script is repeated as long as a request goes on; it ends at max_tokens, at a stop id (not before
// min_tokens), at StopSample, by Cancel, or at its deadline.
#ifndef FOREGATE_TESTS_FAKES_FAKE_ENGINE_H_
#define FOREGATE_TESTS_FAKES_FAKE_ENGINE_H_

#include <condition_variable>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace foregate {

struct FakeEngineOptions {
  int32_t vocab_size = 2048;
  int32_t max_sequence_tokens = 1024;
  std::vector<int32_t> script = {10, 11, 12, 13};  // sample s begins at its s-th token
};

class FakeEngine final : public Engine {
 public:
  static constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

  explicit FakeEngine(FakeEngineOptions options = {});
  ~FakeEngine() override;

  // Engine.
  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) override;
  bool Cancel(const std::string& request_id, absl::Status reason) override;
  void StopSample(const std::string& request_id, int32_t sample) override;
  void StopAccepting() override;
  EngineLoad load() const override;
  const EngineMetrics& metrics() const override { return metrics_; }
  const DecoderInfo& model() const override { return model_; }
  const EngineOptions& options() const override { return engine_options_; }
  const DeviceInfo& device() const override { return device_; }
  RouteStatistics& routing() override { return routing_; }
  ExpertTier expert_tier() const override { return expert_tier_; }

  // Before the engine is shared.
  void set_expert_tier(ExpertTier tier) { expert_tier_ = std::move(tier); }
  // Script. Any thread.
  void SetScript(std::vector<int32_t> script);
  // Every later Submit answers this; OK accepts again.
  void Refuse(absl::Status status);
  // Steps that may still run; kUnlimited at first. AllowSteps(0) holds everything, deadlines and cancels excepted.
  void AllowSteps(int64_t steps);

  // What happened. Waits last at most ten seconds and say whether they were fulfilled.
  bool WaitForSubmitted(size_t count);
  bool WaitUntilIdle();
  std::vector<GenerationRequest> submitted() const;
  std::vector<std::pair<std::string, absl::Status>> cancels() const;  // those that met a running request
  size_t num_stopped_samples() const;

 private:
  struct Running {
    GenerationRequest request;
    std::shared_ptr<TokenSink> sink;
    std::vector<int32_t> num_tokens;  // per sample
    std::vector<bool> finished;       // per sample
    std::vector<bool> stop_asked;     // per sample; guarded by mutex_
    bool prompt_reported = false;
    std::optional<absl::Status> cancelled;  // guarded by mutex_
  };

  void ThreadMain();
  // One token of each unfinished sample of `running`. True when all have finished.
  bool Step(Running* running, const std::vector<int32_t>& script, const std::vector<bool>& stop_asked);
  void ReportPrompt(const Running& running) const;
  TokenRecord Record(int32_t token, int32_t num_logprobs) const;
  RequestSummary Summary(const Running& running) const;

  DecoderInfo model_;
  ExpertTier expert_tier_;
  EngineOptions engine_options_;
  DeviceInfo device_;
  EngineMetrics metrics_;
  RouteStatistics routing_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable changed_;
  std::vector<int32_t> script_;
  absl::Status refusal_;
  int64_t steps_allowed_ = kUnlimited;
  bool stopping_ = false;
  bool accepting_ = true;
  std::vector<std::unique_ptr<Running>> running_;
  std::vector<GenerationRequest> submitted_;
  std::vector<std::pair<std::string, absl::Status>> cancels_;
  size_t num_stopped_samples_ = 0;
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_TESTS_FAKES_FAKE_ENGINE_H_
