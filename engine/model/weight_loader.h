// Weights into device memory: from a checkpoint, packed on the way (LoadWeights), or from the container that was packed
// from it (ReadWeights).
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_LOADER_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_LOADER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "engine/formats/container/container_file.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_memory.h"
#include "engine/model/weight_packer.h"
#include "engine/model/weight_plan.h"
#include "kernels/api/device.h"

namespace foregate {

struct WeightLoadOptions {
  ExpertMemory expert_memory = {};
  FileRead expert_read = {};                                                     // LoadOptions'; may be empty
  int num_threads = 1;                                                           // that read and pack
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress = {};  // one call at a time; may be empty
  const std::atomic<bool>* cancelled = nullptr;                                  // polled; may be null
  // Gets a copy of what is packed, a container's payload, in ascending order; may be empty.
  std::function<void(uint64_t payload_offset, std::span<const std::byte> bytes)> keep = {};
};

// For experts that all stay in memory. CANCELLED when asked to; DATA_LOSS when a file shrinks; RESOURCE_EXHAUSTED when
// memory is not to be had.
absl::StatusOr<LoadedWeights> LoadWeights(const ModelConfig& config, const WeightPlan& plan,
                                          const Checkpoint& checkpoint, const WeightLoadOptions& options,
                                          Device& device);

// `container` holds what `plan` describes, with the directory `directory`; experts that have no slot are read from it
// while the model is served. CANCELLED when asked to; DATA_LOSS when a checksum is wrong; AllocateWeights' errors.
absl::StatusOr<LoadedWeights> ReadWeights(const ModelConfig& config, const WeightPlan& plan,
                                          const ContainerFile& container, const ContainerDirectory& directory,
                                          const WeightLoadOptions& options, Device& device);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_LOADER_H_
