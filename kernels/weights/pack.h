// Packing: from rows of a checkpoint to the packed layout (weight_matrix.h), and back, by rows or element by element.
//
// Pure functions over host memory that keep nothing and allocate nothing; thread-safe for disjoint panels. A panel's
// bytes, its padding included, depend on its rows alone: not on the split into calls, nor on the machine.
//
// How the quantized formats choose their integers, each group by itself:
//   int8      scale = largest / 127;  q = round_to_even(w * (127 / largest)), as activations are (quantize.h)
//   int8-g32  the same scale rounded to f16;  q = round_to_even(w / scale), within [-127, 127]
//   int4      the value of largest magnitude m is mapped to each of a few points around -8 (quantize_group.cc); each
//             gives integers in [-8, 7] and, for them, the scale of least squared error in closed form. The best of
//             these scales, rounded to f16, is kept, and q = round_to_even(w / scale) within [-8, 7].
// A group too small for its scale (f16: below 2^-25) becomes zeros with scale 0; a scale beyond f16 becomes 65504.
// On half of one Zen 3 core: 1.2 s per 10^9 weights of bf16 to int8, 9 s to int4, 12 s to int4-g32.
#ifndef FOREGATE_KERNELS_WEIGHTS_PACK_H_
#define FOREGATE_KERNELS_WEIGHTS_PACK_H_

#include <cstddef>
#include <cstdint>

#include "kernels/api/tensor_view.h"
#include "kernels/api/weight_matrix.h"

namespace foregate {

// Packs outputs [first_output, first_output + rows.dim(0)) of `matrix`, whose data is host memory. `rows`: [n, K] f32,
// bf16 or f16, row-major, host. `first_output` is a multiple of 16, and so is n unless the rows are the matrix's last.
// Float formats: exact when the format holds the source's values (bf16 in f32), else rounded to nearest even. NaN and
// infinity have no quantized form: FirstRowNotFinite finds them first; a quantized group that has one is unspecified.
void PackRows(const TensorView& rows, int64_t first_output, const WeightMatrix& matrix);

// Packs rows that are quantized already (GGUF's Q8_0 and Q4_0), exactly: `values` [num_rows, K] row-major, in
// [-128, 127] for int8-g32 and [-8, 7] for int4 and int4-g32; `scales` [num_rows, NumGroups] bits of f16. The other
// formats have no such form. Rows as for PackRows.
void PackQuantizedRows(const int8_t* values, const uint16_t* scales, int64_t num_rows, int64_t first_output,
                       const WeightMatrix& matrix);

// Index of the first row that has a NaN or an infinity, or -1. `rows` as for PackRows.
int64_t FirstRowNotFinite(const TensorView& rows);

// Packs rows of GGUF blocks, exactly, in the format of the blocks' name: iq4_nl, mxfp4, q4_k, q5_k or q6_k. `blocks`:
// [num_rows][BlockRowBytes], as they lie in a file, of any alignment; any bytes are a valid input. Rows as for
// PackRows. 2 to 4 GB of blocks per second on one Zen 3 core.
void PackBlocks(const std::byte* blocks, int64_t num_rows, int64_t first_output, const WeightMatrix& matrix);
// Of one row of `num_inputs`, which whole blocks divide.
size_t BlockRowBytes(WeightFormat format, int64_t num_inputs);

// What the K elements of `output`, in [0, N), stand for, each as UnpackElement gives it. 2,048 inputs whose panel is
// not in a cache take one Zen 3 core 5 us (bf16, int8) to 17 us (q6_k).
void UnpackRow(const WeightMatrix& matrix, int64_t output, float* values);

// The value that element (output, input) stands for: exact for float formats, quantized value times scale otherwise,
// less the minimum where there is one.
float UnpackElement(const WeightMatrix& matrix, int64_t output, int64_t input);
// The stored integer of a quantized format, without its zero point: int8 in [-128, 127], int4 in [-8, 7], q4_k in [0,
// 15], q5_k in [0, 31], q6_k in [-32, 31]; of iq4_nl and mxfp4 what the nibble stands for.
int32_t UnpackInteger(const WeightMatrix& matrix, int64_t output, int64_t input);
// The scale of the group that holds `input`; 1 for float formats.
float UnpackScale(const WeightMatrix& matrix, int64_t output, int64_t input);
// What is taken off the group that holds `input`; 0 for formats without minima.
float UnpackMinimum(const WeightMatrix& matrix, int64_t output, int64_t input);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_WEIGHTS_PACK_H_
