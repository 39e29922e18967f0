// The one application path. A typed call becomes an engine request; the engine's tokens become
// typed deltas. gRPC translates to it today, HTTP will later; it knows neither.
#ifndef FOREGATE_SERVER_GENERATION_GENERATION_SERVICE_H_
#define FOREGATE_SERVER_GENERATION_GENERATION_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/generation/generation_call.h"
#include "server/generation/generation_delta.h"
#include "server/generation/running_generation.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

// Resolves defaults, renders, tokenizes and submits, all on the calling thread, which is one of the text pool's.
// On success `sink` gets OnDone exactly once; on failure it is never called. `call` must have passed ValidateCall.
// INVALID_ARGUMENT, NOT_FOUND and FAILED_PRECONDITION as inference.proto says; the engine's refusals as they are.
absl::StatusOr<std::shared_ptr<RunningGeneration>> StartGeneration(std::shared_ptr<ServedModel> model,
                                                                   GenerationCall call, TextPool* pool,
                                                                   std::shared_ptr<DeltaSink> sink);

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_GENERATION_SERVICE_H_
