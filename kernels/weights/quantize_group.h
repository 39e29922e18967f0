// The integers and the scale of one group of weights: the choice that pack.h describes.
#ifndef FOREGATE_KERNELS_WEIGHTS_QUANTIZE_GROUP_H_
#define FOREGATE_KERNELS_WEIGHTS_QUANTIZE_GROUP_H_

#include <cstdint>

namespace foregate::internal {

// All of these take n values, a multiple of 16: a shorter group is padded with zeros, which changes nothing.

// The largest magnitude; unspecified when a value is NaN.
float LargestMagnitude(const float* x, int64_t n);

// values[i] = round_to_even(x[i] * inverse_scale) within [low, high].
void RoundToIntegers(const float* x, int64_t n, float inverse_scale, float low, float high, int8_t* values);

// Both return the bits of the f16 scale.
uint16_t QuantizeGroupInt8(const float* x, int64_t n, int8_t* values);
uint16_t QuantizeGroupInt4(const float* x, int64_t n, int8_t* values);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_WEIGHTS_QUANTIZE_GROUP_H_
