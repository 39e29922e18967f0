// The probe's loops for any processor of the base instruction set.
#include <emmintrin.h>

#include "kernels/cpu/probe/vector_loops.h"

namespace foregate::internal {
namespace {

// Without a fused instruction: a product, then its addition.
void MultiplyAdd(__m128i& sum, const __m128i& a, const __m128i& b) {
  __m128i product = a;
  __asm__ volatile("mulps %1, %0" : "+x"(product) : "x"(b));
  __asm__ volatile("addps %1, %0" : "+x"(sum) : "x"(product));
}

}  // namespace

uint64_t ReadPortable(const void* data, int64_t bytes) { return ReadLoop<__m128i>(data, bytes); }
uint64_t DotPortableF32(int64_t rounds) { return DotLoop<__m128i, MultiplyAdd>(rounds); }

}  // namespace foregate::internal
