// CheckBase: whether the files of an overlay's base are those that it was made over (docs/overlay.md).
#ifndef FOREGATE_ENGINE_MODEL_BASE_CHECK_H_
#define FOREGATE_ENGINE_MODEL_BASE_CHECK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "engine/model/checkpoint.h"

namespace foregate {

struct BaseCheckOptions {
  int num_threads = 1;                                    // each reads other files
  size_t piece_bytes = 0;                                 // read at once, and so the memory of each thread
  std::function<void(uint64_t num_bytes)> progress = {};  // so many more; one call at a time, by any thread
  const std::atomic<bool>* cancelled = nullptr;           // polled; may be null
};

// What it reads.
uint64_t BaseBytes(const Checkpoint& checkpoint);

// Reads every file of the base once. FAILED_PRECONDITION naming key, file and both digests when one is another;
// CANCELLED when asked to; DATA_LOSS when a file shrinks.
absl::Status CheckBase(const Checkpoint& checkpoint, const BaseCheckOptions& options);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_BASE_CHECK_H_
