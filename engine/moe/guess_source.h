// GuessSource: what foretells the experts of a layer ahead where no pre-gate chooses them.
#ifndef FOREGATE_ENGINE_MOE_GUESS_SOURCE_H_
#define FOREGATE_ENGINE_MOE_GUESS_SOURCE_H_

#include <cstdint>

namespace foregate {

enum class GuessSource : uint8_t {
  kNone,       // nothing is guessed
  kRouter,     // the next layer's router, applied to the current state
  kPredictor,  // which experts followed which, learned online
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_GUESS_SOURCE_H_
