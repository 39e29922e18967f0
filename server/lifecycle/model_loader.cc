#include "server/lifecycle/model_loader.h"

#include <memory>
#include <string>
#include <utility>

#include "engine/model/load_model.h"
#include "kernels/base/status_macros.h"
#include "server/backend_factory.h"
#include "server/config/engine_options.h"
#include "server/lifecycle/memory_division.h"
#include "server/lifecycle/numa_memory.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

// Sets options.expert_memory where not all experts get a slot.
absl::StatusOr<MemoryDivision> PlanMemory(const ServerConfig& config, LoadOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(const MemoryLimit limit, ConfiguredLimit(config));
  // Also when it does not fit: then it says what does not.
  const auto log_plan = [](const ModelPlan& plan) {
    LogInfo("memory plan of " + plan.architecture + " (" + plan.weights_format + "):\n" + plan.memory.ToString());
  };
  FOREGATE_ASSIGN_OR_RETURN(MemoryDivision division, DivideMemory(config, options, limit, log_plan));
  options.expert_memory = division.expert_memory;
  const ModelPlan& plan = division.plan;
  LogInfo("KV cache " + std::to_string(division.kv_bytes >> 20) + " MiB of the " + std::to_string(limit.bytes >> 20) +
          " MiB that " + limit.source + " allows");
  if (plan.reads_container)
    LogInfo("experts: " + std::to_string(plan.memory.expert_bytes >> 20) + " of " +
            std::to_string(plan.memory.all_expert_bytes >> 20) +
            " MiB stay in memory, the others are read from the container when they are wanted");
  return division;
}

// "auto": what the default chat template suggests, else the one for tools.
absl::StatusOr<const ReplyFormat*> ChooseReplyFormat(const std::string& configured, const TextModel& text) {
  if (configured != "auto") return ReplyFormat::Find(configured);
  const ReplyFormat* format = &ReplyFormat::Detect(text.chat_template == nullptr ? "" : text.chat_template->source());
  const auto with_tools = text.named_templates.find("tool_use");
  if (format->name() == "plain" && with_tools != text.named_templates.end()) {
    format = &ReplyFormat::Detect(with_tools->second->source());
  }
  if (text.chat_template != nullptr) LogInfo("replies of chats are read as " + std::string(format->name()));
  return format;
}

}  // namespace

ModelLoader::ModelLoader(const ServerConfig& config, const CpuPlan& cpus, ServingState* state, LiveRequests* live,
                         const Clock* clock, std::function<void(const absl::Status&)> on_failed)
    : config_(config), cpus_(cpus), state_(state), live_(live), clock_(clock) {
  thread_ = std::thread([this, on_failed = std::move(on_failed)] {
    absl::StatusOr<std::shared_ptr<ServedModel>> model = Load();
    if (model.ok()) {
      const Engine& engine = *(*model)->engine;
      LogInfo("serving " + state_->model_name() + ": " + engine.model().architecture + ", " +
              std::to_string(engine.options().max_sequence_tokens) + " tokens of context, on " + engine.device().isa +
              " with " + std::to_string(engine.device().num_threads) + " threads");
      if (const ExpertTier tier = engine.expert_tier(); !tier.source.empty())
        LogInfo(std::to_string(tier.num_slots) + " of " + std::to_string(tier.num_experts) +
                " experts fit into memory at once, the others are read from " + tier.source);
      state_->SetReady(*std::move(model));
      return;
    }
    state_->SetFailed(model.status());
    on_failed(model.status());
  });
}

ModelLoader::~ModelLoader() {
  is_cancelled_.store(true);
  thread_.join();
}

// Before any memory of the model is touched. The loader and what it starts, the engine's thread among them, work on all
// CPUs, not only on those that serve.
absl::StatusOr<Backend> ModelLoader::OpenBackend() const {
  if (!cpus_.serving_cpus.empty()) FOREGATE_RETURN_IF_ERROR(RunOnCpus(cpus_.usable_cpus));
  const std::vector<int>& compute_cpus = cpus_.compute_cpus.empty() ? cpus_.usable_cpus : cpus_.compute_cpus;
  const NumaPlan numa = PlanNumaMemory(config_.compute().numa(), compute_cpus, "");
  if (!numa.text.empty()) LogInfo(numa.text);
  FOREGATE_RETURN_IF_ERROR(TakeMemoryFrom(numa));
  return MakeBackend(config_.compute().isa(), cpus_.compute_threads, cpus_.compute_cpus);
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelLoader::Load() {
  auto model = std::make_shared<ServedModel>();
  model->name = state_->model_name();
  FOREGATE_ASSIGN_OR_RETURN(LoadOptions options, ConfiguredLoad(config_));
  options.progress = [this](uint64_t done, uint64_t total) { state_->SetProgress(done, total); };
  options.cancelled = &is_cancelled_;
  options.notice = [](const std::string& text) { LogWarning("model.cache_dir: " + text); };
  FOREGATE_ASSIGN_OR_RETURN(const MemoryDivision planned, PlanMemory(config_, options));
  FOREGATE_ASSIGN_OR_RETURN(model->text, LoadTextModel(options.directory));
  FOREGATE_ASSIGN_OR_RETURN(model->reply_format, ChooseReplyFormat(config_.model().reply_format(), model->text));
  if (model->text.tokenizer != nullptr) {
    FOREGATE_ASSIGN_OR_RETURN(model->tokenizer_files, MakeFileManifest(model->text.files, model->text.tokenizer_files));
  }
  FOREGATE_ASSIGN_OR_RETURN(Backend backend, OpenBackend());
  model->backend = std::make_unique<Backend>(std::move(backend));
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<Decoder> decoder, LoadDecoder(options, *model->backend));
  const EngineOptions engine_options =
      MakeEngineOptions(config_.engine(), planned.kv_bytes, planned.plan.max_positions);
  FOREGATE_ASSIGN_OR_RETURN(auto engine, StartEngine(engine_options, model->backend.get(), std::move(decoder), clock_));
  model->engine = TrackRequests(std::move(engine), live_);
  return model;
}

}  // namespace foregate
