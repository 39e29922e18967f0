#include "server/lifecycle/model_loader.h"

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "engine/model/load_model.h"
#include "kernels/base/status_macros.h"
#include "server/backend_factory.h"
#include "server/config/engine_options.h"
#include "server/lifecycle/expert_budget.h"
#include "server/lifecycle/kv_budget.h"
#include "server/lifecycle/memory_limit.h"
#include "server/lifecycle/numa_memory.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

absl::StatusOr<MemoryLimit> ConfiguredLimit(const ServerConfig& config) {
  if (config.compute().has_memory_bytes())
    return MemoryLimit{static_cast<uint64_t>(config.compute().memory_bytes()), "--memory"};
  return FindMemoryLimit("");
}

KvBudgetInput BudgetInput(const ServerConfig& config, const ModelPlan& plan, const MemoryLimit& limit) {
  KvBudgetInput input;
  input.limit_bytes = limit.bytes;
  input.limit_source = limit.source;
  input.weights_bytes = plan.memory.weights_bytes();
  input.workspace_bytes = plan.memory.workspace_bytes;
  input.kv_bytes_per_token = plan.memory.kv_bytes_per_token;
  input.block_tokens = config.engine().kv_block_tokens();
  input.sequence_tokens = SequenceLimit(config.engine(), plan.max_positions);
  input.max_running_requests = config.engine().max_running_requests();
  if (config.engine().has_kv_bytes()) input.configured_bytes = config.engine().kv_bytes();
  return input;
}

struct PlannedModel {
  ModelPlan plan;
  int64_t kv_bytes = 0;
};

// Divides the memory: sets options.expert_memory where not all experts get a slot.
absl::StatusOr<PlannedModel> PlanMemory(const ServerConfig& config, LoadOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(const MemoryLimit limit, ConfiguredLimit(config));
  FOREGATE_ASSIGN_OR_RETURN(const ExpertMemorySetting setting, ParseExpertMemory(config.engine().expert_memory()));
  FOREGATE_ASSIGN_OR_RETURN(ModelPlan plan, PlanModel(options));
  FOREGATE_ASSIGN_OR_RETURN(const ExpertBudget experts,
                            ChooseExpertBytes(setting, {.memory = BudgetInput(config, plan, limit),
                                                        .all_expert_bytes = plan.memory.all_expert_bytes}));
  if (experts.expert_bytes > 0) {
    options.expert_memory.num_bytes = experts.expert_bytes;
    FOREGATE_ASSIGN_OR_RETURN(plan, PlanModel(options));
  }
  KvBudgetInput input = BudgetInput(config, plan, limit);
  if (experts.kv_bytes.has_value()) input.configured_bytes = experts.kv_bytes;
  LogInfo("memory plan of " + plan.architecture + " (" + plan.weights_format + "):\n" + plan.memory.ToString());
  FOREGATE_ASSIGN_OR_RETURN(const int64_t kv_bytes, ChooseKvBytes(input));
  LogInfo("KV cache " + std::to_string(kv_bytes >> 20) + " MiB of the " + std::to_string(limit.bytes >> 20) +
          " MiB that " + limit.source + " allows");
  if (plan.reads_container)
    LogInfo("experts: " + std::to_string(plan.memory.expert_bytes >> 20) + " of " +
            std::to_string(plan.memory.all_expert_bytes >> 20) +
            " MiB stay in memory, the others are read from the container when they are wanted");
  return PlannedModel{.plan = std::move(plan), .kv_bytes = kv_bytes};
}

std::optional<GuessSource> ConfiguredPrefetch(const std::string& name) {
  if (name == "off") return std::nullopt;
  if (name == "committed") return GuessSource::kNone;
  return name == "predictor" ? GuessSource::kPredictor : GuessSource::kRouter;
}

absl::StatusOr<WeightRules> ConfiguredRules(const config::v1::ModelConfig& config) {
  if (config.weight_rules_file().empty()) return WeightRules::ForAll(config.weights());
  std::ifstream file(config.weight_rules_file());
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError("model.weight_rules_file: cannot read " + config.weight_rules_file());
  return WeightRules::Parse(text.str(), config.weight_rules_file());
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
  LoadOptions options;
  options.directory = config_.model().dir();
  FOREGATE_ASSIGN_OR_RETURN(options.weights, ConfiguredRules(config_.model()));
  options.max_batch_tokens = config_.engine().max_batch_tokens();
  options.max_sequences = config_.engine().max_running_requests();
  options.max_sequence_tokens = config_.engine().max_sequence_tokens();
  options.block_size = config_.engine().kv_block_tokens();
  options.kv_dtype = config_.engine().kv_dtype() == "bf16" ? DType::kBf16 : DType::kF32;
  options.prefetch = ConfiguredPrefetch(config_.engine().expert_prefetch());
  options.progress = [this](uint64_t done, uint64_t total) { state_->SetProgress(done, total); };
  options.cancelled = &is_cancelled_;
  options.cache_directory = config_.model().cache_dir();
  options.notice = [](const std::string& text) { LogWarning("model.cache_dir: " + text); };
  FOREGATE_ASSIGN_OR_RETURN(const PlannedModel planned, PlanMemory(config_, options));
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
