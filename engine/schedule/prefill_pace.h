// Prefill pace: how many prompt rows the next step may hold beside the decode rows of running streams, so that one long
// prompt does not make all of them stutter. A pure function; it changes what a step holds, never a token.
//
// Rules
// * A step takes at most about 1 + n * (max_stretch - 1) times as long as its decode rows alone, where n sequences
//   prefill or wait for it. With 1.8 a lone prompt so gets 44 % of the machine and takes up to 2.25 times as long as in
//   full chunks; four together get 76 %.
// * No limit when nobody decodes, or when a burst arrives: as many in prefill as decode, and at least four. Prompt rows
//   have to be computed some time; spreading them makes the few streams smooth and lets all who wait pay for it.
// * At least kMinPrefillRows rows for each of the n, whatever the measurements say: a prompt always advances, and in
//   steps that are not all overhead.
// * No limit when experts are read from a file (the engine does not ask then): eight prompt rows already want most
//   experts of a layer, so each small piece would read most of the model again, and everybody would wait for all of it.
// * What decode rows take alone must be known, so once in a while a step beside a prefill holds none of its rows.
#ifndef FOREGATE_ENGINE_SCHEDULE_PREFILL_PACE_H_
#define FOREGATE_ENGINE_SCHEDULE_PREFILL_PACE_H_

#include <cstdint>
#include <limits>

#include "engine/schedule/step_cost.h"

namespace foregate {

inline constexpr int32_t kUnlimitedPrefillRows = std::numeric_limits<int32_t>::max();
inline constexpr int32_t kMinPrefillRows = 8;

// `max_stretch`: of a step for one prompt beside running streams; 1 or less: never a limit.
// `decoding`: sequences that decode in the step. `prefilling`: sequences in prefill, and waiting ones with a place.
int32_t PacedPrefillRows(const StepCost& cost, double max_stretch, int32_t decoding, int32_t prefilling);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_PREFILL_PACE_H_
