#include "server/daemon.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/host/clock.h"
#include "engine/moe/left_behind.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "kernels/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/admission/admission_controller.h"
#include "server/config/version.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/cpu_plan.h"
#include "server/lifecycle/drain_controller.h"
#include "server/lifecycle/expert_memory_watch.h"
#include "server/lifecycle/health_monitor.h"
#include "server/lifecycle/live_requests.h"
#include "server/lifecycle/model_loader.h"
#include "server/lifecycle/serving_state.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/data_services.h"
#include "server/rpc/grpc_server.h"
#include "server/security/token_verifier.h"
#include "server/telemetry/call_counter.h"
#include "server/telemetry/logging.h"
#include "server/telemetry/prometheus_endpoint.h"

namespace foregate {
namespace {

using std::chrono::milliseconds;

// After a drain only calls that hold no permit are left: health, reflection, reports of the drain itself.
constexpr milliseconds kShutdownGrace(1000);

// So that a reader never sees half a file.
absl::Status WriteReadyFile(const std::string& path, const nlohmann::json& addresses) {
  if (path.empty()) return absl::OkStatus();
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << addresses.dump() << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0)
    return absl::UnavailableError("lifecycle.ready_file: cannot write " + path);
  return absl::OkStatus();
}

// Who computes and who serves. From here on this thread and those that it starts serve; the loader goes its own way.
absl::StatusOr<CpuPlan> DivideCpus(const config::v1::ComputeConfig& compute) {
  FOREGATE_ASSIGN_OR_RETURN(const UsableCpus usable, FindUsableCpus(""));
  FOREGATE_ASSIGN_OR_RETURN(CpuPlan cpus, PlanCpus(compute.threads(), compute.affinity(), usable, ""));
  LogInfo(cpus.ToString());
  FOREGATE_RETURN_IF_ERROR(RunOnCpus(cpus.serving_cpus));
  return cpus;
}

// Members are in the order of construction; destruction is the reverse.
class Daemon {
 public:
  Daemon(const ServerConfig& config, const CpuPlan& cpus, EndRequest* end)
      : config_(config),
        cpus_(cpus),
        end_(end),
        admission_(config.limits().max_concurrent_calls()),
        access_log_(MakeAccessLog(config.telemetry().access_log())),
        calls_(access_log_.get()),
        // A call waits for the text pool at most once at a time, and holds a permit while it waits.
        text_pool_(config.limits().text_threads(), static_cast<size_t>(config.limits().max_concurrent_calls())),
        state_(config.model().name()) {}

  absl::Status Open() {
    FOREGATE_ASSIGN_OR_RETURN(user_tokens_, LoadTokenVerifier(config_.listen().token_file()));
    FOREGATE_ASSIGN_OR_RETURN(admin_tokens_, LoadTokenVerifier(config_.admin().token_file()));
    data_services_ = MakeDataServices(Dependencies());
    DrainController::Options drain;
    drain.notice = milliseconds(config_.lifecycle().drain_notice_ms());
    drain.timeout = milliseconds(config_.lifecycle().drain_timeout_ms());
    drain_ = std::make_unique<DrainController>(
        &state_, &admission_, &live_, [this] { health_->TurnOff(); }, drain);
    admin_service_ = MakeAdminService(&state_, drain_.get(), admin_tokens_.get());
    ListenerServices data;
    for (const auto& service : data_services_.services) data.services.push_back(service.get());
    data.names = {"foregate.inference.v1.InferenceService", "foregate.discovery.v1.DiscoveryService",
                  "foregate.experts.v1.ExpertService"};
    data.tokens = user_tokens_.get();
    ListenerServices admin;
    admin.services = {admin_service_.get()};
    admin.names = {"foregate.admin.v1.AdminService"};
    admin.tokens = admin_tokens_.get();
    FOREGATE_ASSIGN_OR_RETURN(servers_, GrpcServers::Start(config_, data, admin));
    const HealthLimits limits{.step = milliseconds(config_.lifecycle().stall_timeout_ms()),
                              .store = milliseconds(config_.engine().step_wait_timeout_ms())};
    health_ = std::make_unique<HealthMonitor>(
        &state_, &clock_, limits,
        [this](bool is_serving, const std::string& why_not) { PublishHealth(is_serving, why_not); });
    return OpenMetrics();
  }

  void Load() {
    const auto on_failed = [this](const absl::Status& status) {
      if (has_ended_.exchange(true)) return;  // cancelled by the drain
      LogError("the model could not be loaded: " + std::string(status.message()));
      has_failed_ = true;
      end_->release();
    };
    if (config_.engine().expert_memory_pressure() == "on") {
      expert_memory_ = std::make_unique<ExpertMemoryWatch>(&state_, "");
      expert_memory_->Start();
    }
    loader_ = std::make_unique<ModelLoader>(config_, cpus_, &state_, &live_, &clock_, on_failed);
  }

  int Drain() {
    const bool was_ended = has_ended_.exchange(true);
    if (!was_ended) LogInfo("draining");
    drain_->Begin(was_ended ? std::make_optional(milliseconds(0)) : std::nullopt);
    const DrainProgress progress = drain_->WaitUntilDone();
    servers_->Shutdown(kShutdownGrace);
    text_pool_.Stop();
    const int exit_code = has_failed_ ? 1 : 0;
    if (progress.running_requests > 0) {
      // A step that does not end cannot be joined, and its requests still point at what would be destroyed.
      LogError("stopped; " + std::to_string(progress.running_requests) + " requests did not end and are left behind");
      StopLogging();
      _exit(exit_code);
    }
    LogInfo("stopped; " + std::to_string(progress.cancelled_requests) + " requests were cancelled");
    return exit_code;
  }

 private:
  RpcDependencies Dependencies() {
    RpcDependencies dependencies;
    dependencies.state = &state_;
    dependencies.admission = &admission_;
    dependencies.tokens = user_tokens_.get();
    dependencies.access_log = &calls_;
    dependencies.text_pool = &text_pool_;
    dependencies.limits.max_request_bytes = config_.limits().max_request_bytes();
    dependencies.limits.max_response_bytes = config_.limits().max_response_bytes();
    dependencies.limits.max_stream_buffer_bytes = config_.limits().max_stream_buffer_bytes();
    dependencies.version = kVersion;
    return dependencies;
  }

  void PublishHealth(bool is_serving, const std::string& why_not) {
    servers_->SetServing(is_serving);
    // While it serves, what ends that is news for an operator; loading and draining are not.
    const bool is_news = !is_serving && state_.phase() == ServerPhase::kReady && !has_ended_;
    Log(is_news ? LogLevel::kWarn : LogLevel::kInfo,
        is_serving ? "health: SERVING" : "health: NOT_SERVING: " + why_not);
  }

  absl::Status OpenMetrics() {
    nlohmann::json addresses = {{"data", servers_->data_address()}, {"admin", servers_->admin_address()}};
    std::string metrics = "off";
    if (!config_.telemetry().metrics_address().empty()) {
      FOREGATE_ASSIGN_OR_RETURN(metrics_,
                                StartPrometheusEndpoint(config_.telemetry().metrics_address(), &state_, &calls_));
      metrics = metrics_->address();
      addresses["metrics"] = metrics;
    }
    LogInfo("listening: data " + servers_->data_address() + ", admin " + servers_->admin_address() + ", metrics " +
            metrics);
    return WriteReadyFile(config_.lifecycle().ready_file(), addresses);
  }

  const ServerConfig& config_;
  const CpuPlan cpus_;
  EndRequest* const end_;
  std::atomic<bool> has_ended_{false};   // a drain began, or the load failed
  std::atomic<bool> has_failed_{false};  // the load failed
  const SystemClock clock_;
  LiveRequests live_;
  AdmissionController admission_;
  const std::unique_ptr<AccessLog> access_log_;
  CallCounter calls_;
  TextPool text_pool_;
  ServingState state_;
  std::unique_ptr<TokenVerifier> user_tokens_;
  std::unique_ptr<TokenVerifier> admin_tokens_;
  DataServices data_services_;
  std::unique_ptr<DrainController> drain_;
  std::unique_ptr<grpc::Service> admin_service_;
  std::unique_ptr<GrpcServers> servers_;
  std::unique_ptr<HealthMonitor> health_;
  std::unique_ptr<PrometheusEndpoint> metrics_;
  std::unique_ptr<ExpertMemoryWatch> expert_memory_;
  std::unique_ptr<ModelLoader> loader_;
};

}  // namespace

int RunDaemon(const ServerConfig& config, EndRequest* end) {
  const absl::StatusOr<CpuPlan> cpus = DivideCpus(config.compute());
  if (!cpus.ok()) {
    LogError(std::string(cpus.status().message()));
    return 1;
  }
  int exit_code = 0;
  {
    Daemon daemon(config, *cpus, end);
    if (absl::Status status = daemon.Open(); !status.ok()) {
      LogError(std::string(status.message()));
      return 1;
    }
    daemon.Load();
    end->acquire();
    exit_code = daemon.Drain();
  }
  // The model's destructors waited for reads under way, but not for ever.
  if (NumLeftBehind() > 0) LogWarning("the disk did not answer; reads of experts were left behind");
  return exit_code;
}

}  // namespace foregate
