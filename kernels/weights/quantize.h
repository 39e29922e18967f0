// The written arithmetic of quantized products, "int.group.v1", for every CPU path (docs/adr/0015).
//
// A group of G activations x meets a group of G weights (GroupInputs of the format). The activations are quantized
// where they meet a quantized matrix, each row and group by itself:
//   largest = max |x|;  scale_x = largest / 127;  q_x = round_to_even(x * (127 / largest))   (all 0 when largest is 0)
// and one output is, over the groups in ascending order, starting from +0,
//   acc = fma(float(sum of q_x * q_w), scale_x * scale_w, acc)
// and, in the formats whose weights are scale_w * q_w - minimum_w, after that in each group
//   acc = fma(float(sum of q_x) * scale_x, -minimum_w, acc)
// The integer sum is exact in 32 bits (so its order is free), its conversion and the products of the scales and of the
// sum with its scale round once each. scale_w and minimum_w of q4_k, q5_k and q6_k are products of an f16 with an
// integer of at most 8 bits, exact in f32. Weights are stored with a zero point z (128 or 8): sum(q_x * q_w) = sum(q_x
// * stored) - z * sum(q_x). A group whose 127 / largest is infinite (largest below 3.74e-37) counts as 0: scale 0 and
// zeros. A group with a NaN or an infinity has scale NaN and zeros: the outputs of that row are NaN. The integer sums
// fit while a group is at most kMaxGroupInputs long.
#ifndef FOREGATE_KERNELS_WEIGHTS_QUANTIZE_H_
#define FOREGATE_KERNELS_WEIGHTS_QUANTIZE_H_

#include <cstdint>

namespace foregate {

// 2^31 / (127 * 128), rounded down to a round number.
inline constexpr int64_t kMaxGroupInputs = 131072;

// Quantizes one row of n activations in groups of `group` (the last may be shorter): `values` [n] in [-127, 127];
// `scales` and `sums` (of the values) [ceil(n / group)]. The reference that every vector path equals to the bit.
void QuantizeActivations(const float* x, int64_t n, int64_t group, int8_t* values, float* scales, int32_t* sums);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_WEIGHTS_QUANTIZE_H_
