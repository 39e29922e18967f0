// EngineOptions from the configuration, in this one place.
#ifndef FOREGATE_SERVER_CONFIG_ENGINE_OPTIONS_H_
#define FOREGATE_SERVER_CONFIG_ENGINE_OPTIONS_H_

#include <cstdint>

#include "engine/engine.h"
#include "server/config/server_config.h"

namespace foregate {

// The context limit in tokens: the configured one, never more than the model's.
int32_t SequenceLimit(const config::v1::EngineConfig& config, int32_t model_max_tokens);

// `kv_bytes` and the model's context limit are known only after the model was looked at.
EngineOptions MakeEngineOptions(const config::v1::EngineConfig& config, int64_t kv_bytes, int32_t model_max_tokens);

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_ENGINE_OPTIONS_H_
