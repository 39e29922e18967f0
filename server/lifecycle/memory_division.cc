#include "server/lifecycle/memory_division.h"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/guess_source.h"
#include "kernels/base/status_macros.h"
#include "server/config/engine_options.h"
#include "server/config/expert_memory_setting.h"
#include "server/lifecycle/expert_budget.h"
#include "server/lifecycle/kv_budget.h"
#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

absl::StatusOr<WeightRules> ConfiguredRules(const config::v1::ModelConfig& config) {
  if (config.weight_rules_file().empty()) return WeightRules::ForAll(config.weights());
  std::ifstream file(config.weight_rules_file());
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return absl::NotFoundError("model.weight_rules_file: cannot read " + config.weight_rules_file());
  return WeightRules::Parse(text.str(), config.weight_rules_file());
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

}  // namespace

absl::StatusOr<LoadOptions> ConfiguredLoad(const ServerConfig& config) {
  LoadOptions options;
  options.directory = config.model().dir();
  FOREGATE_ASSIGN_OR_RETURN(options.weights, ConfiguredRules(config.model()));
  options.max_batch_tokens = config.engine().max_batch_tokens();
  options.max_sequences = config.engine().max_running_requests();
  options.max_sequence_tokens = config.engine().max_sequence_tokens();
  options.block_size = config.engine().kv_block_tokens();
  options.kv_dtype = config.engine().kv_dtype() == "bf16" ? DType::kBf16 : DType::kF32;
  FOREGATE_ASSIGN_OR_RETURN(options.prefetch, ParseExpertPrefetch(config.engine().expert_prefetch()));
  FOREGATE_ASSIGN_OR_RETURN(options.expert_memory.eviction, ParseExpertEviction(config.engine().expert_eviction()));
  options.cache_directory = config.model().cache_dir();
  return options;
}

absl::StatusOr<MemoryLimit> ConfiguredLimit(const ServerConfig& config) {
  if (config.compute().has_memory_bytes())
    return MemoryLimit{static_cast<uint64_t>(config.compute().memory_bytes()), "--memory"};
  return FindMemoryLimit("");
}

absl::StatusOr<MemoryDivision> DivideMemory(const ServerConfig& config, const LoadOptions& options,
                                            const MemoryLimit& limit,
                                            const std::function<void(const ModelPlan&)>& planned) {
  FOREGATE_ASSIGN_OR_RETURN(const ExpertMemorySetting setting, ParseExpertMemory(config.engine().expert_memory()));
  MemoryDivision division;
  division.limit = limit;
  division.expert_memory = options.expert_memory;
  division.process_bytes = kProcessReserveBytes;
  FOREGATE_ASSIGN_OR_RETURN(division.plan, PlanModel(options));
  const KvBudgetInput all = BudgetInput(config, division.plan, limit);
  division.sequence_tokens = all.sequence_tokens;
  division.all_resident_bytes =
      all.weights_bytes + all.workspace_bytes + kProcessReserveBytes +
      (all.configured_bytes ? static_cast<uint64_t>(*all.configured_bytes) : SequenceKvBytes(all));
  const absl::StatusOr<ExpertBudget> experts =
      ChooseExpertBytes(setting, {.memory = all, .all_expert_bytes = division.plan.memory.all_expert_bytes});
  if (experts.ok() && experts->expert_bytes > 0) {
    LoadOptions tiered = options;
    tiered.expert_memory.num_bytes = experts->expert_bytes;
    division.expert_memory = tiered.expert_memory;
    FOREGATE_ASSIGN_OR_RETURN(division.plan, PlanModel(tiered));
  }
  if (planned) planned(division.plan);
  FOREGATE_RETURN_IF_ERROR(experts.status());
  KvBudgetInput input = BudgetInput(config, division.plan, limit);
  if (experts->kv_bytes.has_value()) input.configured_bytes = experts->kv_bytes;
  FOREGATE_ASSIGN_OR_RETURN(division.kv_bytes, ChooseKvBytes(input));
  return division;
}

}  // namespace foregate
