// The probe's loops for AVX-512 (F, BW, DQ, VL).
#include <immintrin.h>

#include "kernels/cpu/probe/vector_loops.h"

namespace foregate::internal {

uint64_t ReadAvx512(const void* data, int64_t bytes) { return ReadLoop<__m512i>(data, bytes); }
uint64_t DotAvx512Fma(int64_t rounds) { return DotLoop<__m512i, Fma<__m512i>>(rounds); }
uint64_t DotAvx512Maddwd(int64_t rounds) { return DotLoop<__m512i, Maddwd<__m512i>>(rounds); }
uint64_t DotAvx512Maddubs16(int64_t rounds) { return DotLoop<__m512i, Maddubs16<__m512i>>(rounds); }
uint64_t DotAvx512Maddubs32(int64_t rounds) { return DotLoop<__m512i, Maddubs32<__m512i>>(rounds); }

}  // namespace foregate::internal
