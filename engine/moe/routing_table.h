// RoutingTable: which experts each row of a step chose and with what weights, and the same entries grouped by expert
// in the order (expert, row). Views; the memory belongs to the workspace.
#ifndef FOREGATE_ENGINE_MOE_ROUTING_TABLE_H_
#define FOREGATE_ENGINE_MOE_ROUTING_TABLE_H_

#include "kernels/api/tensor_view.h"

namespace foregate {

struct RoutingTable {
  TensorView logits;      // [T, E] f32
  TensorView expert_ids;  // [T, k] i32, best first in the order of who chose: router or pre-gate
  TensorView weights;     // [T, k] f32
  TensorView token_of;    // [T*k] i32
  TensorView slot_of;     // [T*k] i32
  TensorView offsets;     // [E+1] i32
  // Copies in host memory, valid behind an event after the copy.
  TensorView host_expert_ids;  // [T, k] i32
  TensorView host_weights;     // [T, k] f32
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_ROUTING_TABLE_H_
