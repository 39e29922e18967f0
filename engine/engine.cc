#include "engine/engine.h"

#include <utility>

#include "engine/engine_loop.h"
#include "engine/engine_thread.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

class ThreadedEngine final : public Engine {
 public:
  explicit ThreadedEngine(std::unique_ptr<EngineLoop> loop) : loop_(std::move(loop)), thread_(loop_.get()) {}

  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) override {
    return loop_->Submit(std::move(request), std::move(sink));
  }
  bool Cancel(const std::string& request_id, absl::Status reason) override {
    return loop_->mailbox().Cancel(request_id, std::move(reason));
  }
  void StopSample(const std::string& request_id, int32_t sample) override {
    loop_->mailbox().StopSample(request_id, sample);
  }
  void StopAccepting() override { loop_->mailbox().StopAccepting(); }

  EngineLoad load() const override { return loop_->load(); }
  const EngineMetrics& metrics() const override { return loop_->metrics(); }
  const DecoderInfo& model() const override { return loop_->model(); }
  const EngineOptions& options() const override { return loop_->options(); }
  const DeviceInfo& device() const override { return loop_->device(); }
  RouteStatistics& routing() override { return loop_->routing(); }
  ExpertTier expert_tier() const override { return loop_->expert_tier(); }
  void LimitExpertMemory(uint64_t num_bytes) override { loop_->LimitExpertMemory(num_bytes); }

 private:
  const std::unique_ptr<EngineLoop> loop_;
  EngineThread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> StartEngine(const EngineOptions& options, Backend* backend,
                                                    std::unique_ptr<Decoder> decoder, const Clock* clock) {
  FOREGATE_ASSIGN_OR_RETURN(auto loop, EngineLoop::Create(options, backend->device.get(), std::move(decoder), clock));
  return std::make_unique<ThreadedEngine>(std::move(loop));
}

}  // namespace foregate
