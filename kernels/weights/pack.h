// Packing: from rows of a checkpoint to the packed layout (weight_matrix.h), and back, element by element.
//
// Pure functions over host memory; thread-safe for disjoint panels.
#ifndef FOREGATE_KERNELS_WEIGHTS_PACK_H_
#define FOREGATE_KERNELS_WEIGHTS_PACK_H_

#include <cstdint>

#include "kernels/api/tensor_view.h"
#include "kernels/api/weight_matrix.h"

namespace foregate {

// Packs outputs [first_output, first_output + rows.dim(0)) of `matrix`, whose data is host memory. `rows`: [n, K] f32,
// bf16 or f16, row-major, host. `first_output` is a multiple of 16, and so is n unless the rows are the matrix's last.
// Float formats: exact when the format holds the source's values (bf16 in f32), else rounded to nearest even. Quantized
// formats: symmetric, deterministic, each row by itself: the same bytes whatever the split into calls. NaN and infinity
// have no quantized form; FirstRowNotFinite finds them first.
void PackRows(const TensorView& rows, int64_t first_output, const WeightMatrix& matrix);

// Index of the first row that has a NaN or an infinity, or -1.
int64_t FirstRowNotFinite(const TensorView& rows);

// The value that element (output, input) stands for: exact for float formats, quantized value times scale otherwise.
float UnpackElement(const WeightMatrix& matrix, int64_t output, int64_t input);
// The stored integer of a quantized format, without its zero point: int8 in [-127, 127], int4 in [-8, 7].
int32_t UnpackInteger(const WeightMatrix& matrix, int64_t output, int64_t input);
// The scale of the group that holds `input`; 1 for float formats.
float UnpackScale(const WeightMatrix& matrix, int64_t output, int64_t input);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_WEIGHTS_PACK_H_
