// The compiler's intrinsics, for files compiled for AVX-512.
#ifndef FOREGATE_KERNELS_CPU_AVX512_INTRINSICS_H_
#define FOREGATE_KERNELS_CPU_AVX512_INTRINSICS_H_

// g++ 12 warns about its own _mm512_undefined_ps, in every function that inlines one.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#endif  // FOREGATE_KERNELS_CPU_AVX512_INTRINSICS_H_
