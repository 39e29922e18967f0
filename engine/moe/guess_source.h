// GuessSource: what foretells the experts of a layer ahead where no pre-gate chooses them.
#ifndef FOREGATE_ENGINE_MOE_GUESS_SOURCE_H_
#define FOREGATE_ENGINE_MOE_GUESS_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace foregate {

enum class GuessSource : uint8_t {
  kNone,       // nothing is guessed
  kRouter,     // the next layer's router, applied to the current state
  kPredictor,  // which experts followed which, learned online
};

// What engine.expert_prefetch names: "router", "predictor", "committed" (what pre-gates choose, no guesses), or "off",
// which is nothing at all. INVALID_ARGUMENT for another name.
absl::StatusOr<std::optional<GuessSource>> ParseExpertPrefetch(const std::string& name);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_GUESS_SOURCE_H_
