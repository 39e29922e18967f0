// model.safetensors.index.json: what is accepted names files of the same directory only.
#include <cstdint>
#include <string_view>

#include "engine/model/checkpoint.h"
#include "kernels/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto shards =
      foregate::ParseCheckpointIndex(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.index.json");
  if (!shards.ok()) return 0;
  for (const auto& [tensor, shard] : *shards)
    FOREGATE_CHECK(!shard.empty() && shard[0] != '.' && shard.find('/') == std::string::npos);
  return 0;
}
