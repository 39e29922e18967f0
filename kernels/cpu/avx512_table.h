// The table of AVX-512 F, BW, DQ and VL, over whatever intrinsics the including file provides: the processor's in
// isa_avx512.cc, emulated ones in tests/emulation. So are the other *_table.h.
#ifndef FOREGATE_KERNELS_CPU_AVX512_TABLE_H_
#define FOREGATE_KERNELS_CPU_AVX512_TABLE_H_

#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_ints.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/lane_kernels.h"

namespace foregate::internal {
namespace {

struct Avx512IntVector : Avx512Vector {
  using Int8 = Avx512Int8;
  using Int4 = Avx512Int4;
  template <const int8_t (&kValues)[16]>
  using Codebook = Avx512Codebook<kValues>;
  template <int kHighBits>
  using KQuant = Avx512KQuant<kHighBits>;
};

constexpr IsaTable MakeAvx512Table(const char* name) { return LaneKernels<Avx512IntVector>::Table(name); }

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512_TABLE_H_
