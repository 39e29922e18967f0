// The place of the largest of many floats: what greedy sampling asks of every row of logits.
#ifndef FOREGATE_KERNELS_BASE_ARG_MAX_H_
#define FOREGATE_KERNELS_BASE_ARG_MAX_H_

#include <cstdint>
#include <span>

namespace foregate {

inline constexpr int32_t kAllMasked = -1;   // every element is -infinity
inline constexpr int32_t kNotANumber = -2;  // an element is NaN or +infinity

// Index of the largest element, of equals the smallest; kAllMasked, kNotANumber. At most 2^31 - 1 elements.
int32_t ArgMax(std::span<const float> x);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_BASE_ARG_MAX_H_
