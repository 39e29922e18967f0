// GenerationCollector: the DeltaSink of calls that are answered once. Adds the deltas up, bounded.
#ifndef FOREGATE_SERVER_GENERATION_GENERATION_COLLECTOR_H_
#define FOREGATE_SERVER_GENERATION_GENERATION_COLLECTOR_H_

#include <cstddef>

#include "absl/status/status.h"
#include "server/generation/generation_delta.h"

namespace foregate {

// Thread-compatible: the pipeline calls it one call at a time.
class GenerationCollector {
 public:
  explicit GenerationCollector(size_t max_bytes) : max_bytes_(max_bytes) {}

  // RESOURCE_EXHAUSTED with the numbers when the reply would exceed max_bytes; what came before is kept.
  absl::Status Add(GenerationDelta delta);
  // Every sample, ascending by index.
  GenerationDelta Take();

 private:
  const size_t max_bytes_;
  size_t num_bytes_ = 0;
  GenerationDelta total_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_GENERATION_COLLECTOR_H_
