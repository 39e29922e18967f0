// Whether an instruction-set table computes what the written arithmetic says, on this machine: some products of every
// format and what norms, activations and softmax are made of, compared bit by bit with the portable table and with
// kernels/base/bf16_arithmetic.h. A processor or a simulator that differs is not to be trusted with a model.
#ifndef FOREGATE_KERNELS_CPU_ISA_CHECK_H_
#define FOREGATE_KERNELS_CPU_ISA_CHECK_H_

#include <cstdint>
#include <span>
#include <string>

#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

struct CheckShape {
  int64_t num_rows;
  int64_t num_outputs;
  int64_t num_inputs;
};

// Few rows and many, an edge of outputs, a tail of inputs: about 1 ms for a table.
std::span<const CheckShape> StartShapes();

// Empty when every bit agrees; else the first difference in words. Runs the table's code, so this machine must have
// the instructions. Thread-safe.
std::string FirstDifference(const IsaTable& table, std::span<const CheckShape> shapes);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ISA_CHECK_H_
