// ModelLoader: brings the model up on an own thread while the listeners already answer: look at the checkpoint, plan
// its memory, choose the KV size, read the weights, start the engine, SetReady.
#ifndef FOREGATE_SERVER_LIFECYCLE_MODEL_LOADER_H_
#define FOREGATE_SERVER_LIFECYCLE_MODEL_LOADER_H_

#include <atomic>
#include <functional>
#include <thread>

#include "absl/status/statusor.h"
#include "engine/host/clock.h"
#include "server/config/server_config.h"
#include "server/lifecycle/cpu_plan.h"
#include "server/lifecycle/live_requests.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

class ModelLoader {
 public:
  // Starts at once. Everything outlives the loader, and `live` and `clock` the model. On failure the state becomes
  // kFailed and `on_failed` is called on the loader's thread.
  ModelLoader(const ServerConfig& config, const CpuPlan& cpus, ServingState* state, LiveRequests* live,
              const Clock* clock, std::function<void(const absl::Status&)> on_failed);
  // Cancels a load that is not done.
  ~ModelLoader();

 private:
  absl::StatusOr<std::shared_ptr<ServedModel>> Load();
  absl::StatusOr<Backend> OpenBackend() const;

  const ServerConfig& config_;
  const CpuPlan cpus_;
  ServingState* const state_;
  LiveRequests* const live_;
  const Clock* const clock_;
  std::atomic<bool> is_cancelled_{false};
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_MODEL_LOADER_H_
