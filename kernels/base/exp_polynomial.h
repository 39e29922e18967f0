// Constants of the written exponential (kernels/base/arithmetic.h), apart from its code: instruction-set files include
// this header, and a function they shared with baseline files could be linked into those in its wide form.
#ifndef FOREGATE_KERNELS_BASE_EXP_POLYNOMIAL_H_
#define FOREGATE_KERNELS_BASE_EXP_POLYNOMIAL_H_

namespace foregate::internal {

// Outside [kExpMin, kExpMax] the result is 0 or infinity, and the reduction stays within the two exact scalings.
inline constexpr float kExpMin = -104.0f;
inline constexpr float kExpMax = 89.0f;
inline constexpr float kLog2E = 0x1.715476p+0f;
// Adding this leaves round(value) in the low bits of the sum (ties to even).
inline constexpr float kRoundToInteger = 0x1.8p+23f;
// ln 2 = kLn2High + kLn2Low to 48 bits.
inline constexpr float kLn2High = 0x1.62e43p-1f;
inline constexpr float kLn2Low = -0x1.05c61p-29f;
// exp(r) = 1 + r + r^2 * sum(kExpCoefficient[i] * r^i) for |r| <= ln(2) / 2; weighted minimax fit, relative error
// 5.2e-11 before rounding.
inline constexpr int kNumExpCoefficients = 6;
inline constexpr float kExpCoefficients[kNumExpCoefficients] = {0x1p-1f,        0x1.555554p-3f,  0x1.55548ep-5f,
                                                                0x1.111272p-7f, 0x1.6d8d52p-10f, 0x1.9f085ap-13f};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_BASE_EXP_POLYNOMIAL_H_
