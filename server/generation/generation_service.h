// GenerationService: the one application path. A typed call becomes an engine request; the engine's tokens become
// typed deltas. gRPC translates to it today, HTTP will later; it knows neither.
#ifndef FOREGATE_SERVER_GENERATION_GENERATION_SERVICE_H_
#define FOREGATE_SERVER_GENERATION_GENERATION_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/generation/generation_call.h"
#include "server/generation/generation_delta.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

// A request that the engine accepted. Thread-safe.
class RunningGeneration {
 public:
  virtual ~RunningGeneration() = default;
  // Ends the request within one engine step; OnDone(reason) follows. Does nothing once the engine has ended it.
  virtual void Cancel(absl::Status reason) = 0;
};

struct RenderedPrompt {
  std::string text;
  std::vector<int32_t> token_ids;
};

// Resolves defaults, renders, tokenizes and submits, all on the calling thread, which is one of the text pool's.
// On success `sink` gets OnDone exactly once; on failure it is never called. `call` must have passed ValidateCall.
// INVALID_ARGUMENT, NOT_FOUND and FAILED_PRECONDITION as inference.proto says; the engine's refusals as they are.
absl::StatusOr<std::shared_ptr<RunningGeneration>> StartGeneration(std::shared_ptr<ServedModel> model,
                                                                   GenerationCall call, TextPool* pool,
                                                                   std::shared_ptr<DeltaSink> sink);

// The prompt of a conversation as text and as ids. FAILED_PRECONDITION without tokenizer or template.
absl::StatusOr<RenderedPrompt> RenderConversation(const ServedModel& model, const Conversation& conversation);

// NOT_FOUND naming the served model unless `name` is empty or equal to it.
absl::Status CheckModelName(const std::string& served, const std::string& name);
// FAILED_PRECONDITION when the checkpoint has no tokenizer; `what` names the wish that needs it.
absl::Status RequireTokenizer(const ServedModel& model, const std::string& what);

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_GENERATION_SERVICE_H_
