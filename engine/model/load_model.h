// From a Hugging Face directory, a GGUF file or a packed container to a Decoder: plan first, then load.
#ifndef FOREGATE_ENGINE_MODEL_LOAD_MODEL_H_
#define FOREGATE_ENGINE_MODEL_LOAD_MODEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/decoder.h"
#include "engine/model/expert_memory.h"
#include "engine/model/memory_plan.h"
#include "engine/model/weight_rules.h"
#include "engine/moe/guess_source.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct LoadOptions {
  std::string directory;            // or a GGUF file, or a container
  WeightRules weights = {};         // in which formats the matrices are kept
  int32_t max_batch_tokens = 512;   // rows of a step
  int32_t max_sequences = 64;       // sequences of a step
  int32_t max_sequence_tokens = 0;  // context limit; 0: the model's own, which also bounds it
  int32_t block_size = 16;          // tokens of a KV block: bounds the block tables
  DType kv_dtype = DType::kF32;     // of keys and values: kF32, or kBf16 with its own arithmetic (docs/adr/0019)
  int32_t max_logits_rows = 0;      // rows of a step whose logits may be asked for; 0: every row
  ExpertMemory expert_memory = {};  // for experts; by default for all of them
  // What foretells the experts of layers ahead when not all have a slot; absent: none is fetched before it is wanted.
  std::optional<GuessSource> prefetch = GuessSource::kRouter;
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress = {};  // one call at a time
  const std::atomic<bool>* cancelled = nullptr;                                  // polled while loading; may be null
  // Reads experts by threads instead of from the container's file: faults and delays of tests; may be empty.
  std::function<absl::Status(uint64_t file_offset, std::span<std::byte> destination)> expert_read = {};
  int num_threads = 0;               // that read and pack; 0: as many as the device computes with
  std::string cache_directory = {};  // of packed containers, which make the next start faster; empty: none
  std::function<void(const std::string&)> notice = {};  // what an operator should know about the cache; may be empty
};

// What a step reads and multiplies, for whoever predicts its time.
struct StepShape : RoutedShape {
  uint64_t expert_parameters = 0;  // of one expert
  uint64_t dense_parameters = 0;   // of matrices that multiply every row
  std::string expert_format;       // of gates and ups
};

struct ModelPlan {
  MemoryPlan memory;
  StepShape step;
  SlotPlan slots;  // of experts, in classes of size
  std::string architecture;
  std::string weights_format;
  int32_t max_positions = 0;     // context limit in tokens
  bool reads_container = false;  // experts that have no slot are read from the container while the model is served
};

// Reads config and headers only. Errors name file, key or tensor.
absl::StatusOr<ModelPlan> PlanModel(const LoadOptions& options);

// `backend` must outlive the decoder. CANCELLED when asked to. FAILED_PRECONDITION naming both when a container was
// packed for another numeric contract than the backend's (without its source it cannot be packed again), naming key and
// digests when an overlay's base is another one, and with the numbers when experts do not fit into memory and there can
// be no container to read them from.
absl::StatusOr<std::unique_ptr<Decoder>> LoadDecoder(const LoadOptions& options, const Backend& backend);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_LOAD_MODEL_H_
