// The table of AVX-512 with VNNI (avx512_table.h).
#ifndef FOREGATE_KERNELS_CPU_AVX512VNNI_TABLE_H_
#define FOREGATE_KERNELS_CPU_AVX512VNNI_TABLE_H_

#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/avx512vnni_ints.h"
#include "kernels/cpu/lane_kernels.h"

namespace foregate::internal {
namespace {

struct Avx512VnniVector : Avx512Vector {
  using Int8 = Avx512VnniInt8;
  using Int4 = Avx512VnniInt4;
  template <const int8_t (&kValues)[16]>
  using Codebook = Avx512VnniCodebook<kValues>;
  template <int kHighBits>
  using KQuant = Avx512VnniKQuant<kHighBits>;
};

constexpr IsaTable MakeAvx512VnniTable(const char* name) { return LaneKernels<Avx512VnniVector>::Table(name); }

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512VNNI_TABLE_H_
