// PackModel: a model into a container that is complete by itself, ahead of time, in bounded memory.
#ifndef FOREGATE_ENGINE_MODEL_PACK_MODEL_H_
#define FOREGATE_ENGINE_MODEL_PACK_MODEL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/weight_rules.h"

namespace foregate {

struct PackModelOptions {
  std::string model;             // a Hugging Face directory or a GGUF file
  WeightRules weights = {};      // in which formats the matrices are kept
  std::string numeric_contract;  // of the device that will compute with it
  std::string output;            // the container's path; replaced when it exists
  // The model's small files, beside config.json, which is taken from the model (of an overlay, without its base).
  struct File {
    std::string name;
    std::string content;
  };
  std::vector<File> files = {};
  int num_threads = 1;
  uint64_t memory_limit = 0;  // of the process's resident memory, in bytes; 0: none
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress = {};  // one call at a time
  const std::atomic<bool>* cancelled = nullptr;                                  // polled; may be null
};

struct PackedModel {
  std::string architecture;
  std::string weights_format;
  uint64_t num_parameters = 0;
  uint64_t weight_bytes = 0;  // of the packed weights
  uint64_t file_bytes = 0;    // of the container
};

// Errors name file, key or tensor. INVALID_ARGUMENT for a model that is a container already, and for a limit that is
// smaller than what the largest panel of rows takes, with the numbers; FAILED_PRECONDITION naming key and digests when
// an overlay's base is another one; RESOURCE_EXHAUSTED when the disk is full; UNAVAILABLE when another process is
// writing the same file. Nothing is left behind on failure.
absl::StatusOr<PackedModel> PackModel(const PackModelOptions& options);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_PACK_MODEL_H_
