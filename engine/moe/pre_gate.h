// Pre-gate: the choice of a later layer's experts from the state of an earlier one (docs/pre_gate.md). The choice is
// final, so whoever fetches experts may act on it; what the experts count for is decided at their own layer (router.h).
#ifndef FOREGATE_ENGINE_MOE_PRE_GATE_H_
#define FOREGATE_ENGINE_MOE_PRE_GATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/api/kernels.h"

namespace foregate {

// The experts that every row of a step will use at a layer still ahead. A view; the memory is the workspace's.
struct CommittedExperts {
  int32_t layer = 0;      // model layer of the experts
  TensorView expert_ids;  // [T, k] i32, device memory, best first
  // Copy in host memory, valid behind an event after the copy and until the step has been collected. Rows that are
  // dropped later are still in it, so it names every expert that the layer will use and perhaps some more.
  TensorView host_expert_ids;
};

// What a choice needs besides its result; free again behind it.
struct PreGateScratch {
  TensorView logits;   // [T, E] f32
  TensorView weights;  // [T, k] f32
};

// Chooses by `pre_gate` [E, H] from the rows of `x` [T, H] into `committed`, and enqueues the copy to the host. To be
// enqueued before the experts of the layer that `x` belongs to, so that fetching overlaps with them.
absl::Status CommitExperts(RouterScoring scoring, const TensorView& x, const WeightMatrix& pre_gate,
                           const PreGateScratch& scratch, const CommittedExperts& committed, const Backend& backend,
                           Stream& stream);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_PRE_GATE_H_
