#include "server/config/engine_options.h"

#include <algorithm>

namespace foregate {

int32_t SequenceLimit(const config::v1::EngineConfig& config, int32_t model_max_tokens) {
  if (!config.has_max_sequence_tokens()) return model_max_tokens;
  return std::min(config.max_sequence_tokens(), model_max_tokens);
}

EngineOptions MakeEngineOptions(const config::v1::EngineConfig& config, int64_t kv_bytes, int32_t model_max_tokens) {
  EngineOptions options;
  options.max_batch_tokens = config.max_batch_tokens();
  options.max_running_requests = config.max_running_requests();
  options.max_queued_requests = config.max_queued_requests();
  options.max_queued_tokens = config.max_queued_tokens();
  options.prefill_chunk_tokens = config.prefill_chunk_tokens();
  options.max_itl_stretch_percent = config.max_itl_stretch_percent();
  options.expert_affinity_steps = config.expert_affinity_steps();
  options.kv_block_tokens = config.kv_block_tokens();
  options.kv_bytes = kv_bytes;
  options.max_sequence_tokens = SequenceLimit(config, model_max_tokens);
  options.prefix_cache = config.prefix_cache();
  options.priority_aging_us = config.priority_aging_ms() * 1000;
  options.step_wait_timeout_us = config.step_wait_timeout_ms() * 1000;
  return options;
}

}  // namespace foregate
