#include "engine/moe/guess_source.h"

namespace foregate {

absl::StatusOr<std::optional<GuessSource>> ParseExpertPrefetch(const std::string& name) {
  if (name == "off") return std::nullopt;
  if (name == "committed") return GuessSource::kNone;
  if (name == "predictor") return GuessSource::kPredictor;
  if (name == "router") return GuessSource::kRouter;
  return absl::InvalidArgumentError("expert_prefetch is router, predictor, committed or off, not " + name);
}

}  // namespace foregate
