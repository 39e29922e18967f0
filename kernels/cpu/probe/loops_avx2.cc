// The probe's loops for AVX2 and FMA.
#include <immintrin.h>

#include "kernels/cpu/probe/vector_loops.h"

namespace foregate::internal {

uint64_t ReadAvx2(const void* data, int64_t bytes) { return ReadLoop<__m256i>(data, bytes); }
uint64_t DotAvx2Fma(int64_t rounds) { return DotLoop<__m256i, Fma<__m256i>>(rounds); }
uint64_t DotAvx2Maddwd(int64_t rounds) { return DotLoop<__m256i, Maddwd<__m256i>>(rounds); }
uint64_t DotAvx2Maddubs16(int64_t rounds) { return DotLoop<__m256i, Maddubs16<__m256i>>(rounds); }
uint64_t DotAvx2Maddubs32(int64_t rounds) { return DotLoop<__m256i, Maddubs32<__m256i>>(rounds); }

}  // namespace foregate::internal
