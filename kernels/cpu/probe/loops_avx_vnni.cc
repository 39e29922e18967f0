// The probe's loop for vpdpbusd in 32-byte registers, for processors without AVX-512.
#include <immintrin.h>

#include "kernels/cpu/probe/vector_loops.h"

namespace foregate::internal {

namespace {

void Dot(__m256i& sum, const __m256i& a, const __m256i& b) {
  __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
}

}  // namespace

uint64_t DotAvxVnni(int64_t rounds) { return DotLoop<__m256i, Dot>(rounds); }

}  // namespace foregate::internal
