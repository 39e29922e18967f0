// The probe's loop for vpdpbusd in 64-byte registers.
#include <immintrin.h>

#include "kernels/cpu/probe/vector_loops.h"

namespace foregate::internal {

namespace {

void Dot(__m512i& sum, const __m512i& a, const __m512i& b) {
  __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

}  // namespace

uint64_t DotAvx512Vnni(int64_t rounds) { return DotLoop<__m512i, Dot>(rounds); }

}  // namespace foregate::internal
