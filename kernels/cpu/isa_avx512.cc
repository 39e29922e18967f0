// The inner kernels for AVX-512 F, BW, DQ and VL. Includes no standard C++ header with code (see lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that they use.
#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_ints.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/lane_kernels.h"

namespace foregate::internal {
namespace {

struct Vector : Avx512Vector {
  using Int8 = Avx512Int8;
  using Int4 = Avx512Int4;
  template <const int8_t (&kValues)[16]>
  using Codebook = Avx512Codebook<kValues>;
  template <int kHighBits>
  using KQuant = Avx512KQuant<kHighBits>;
};

constexpr IsaTable kTable = LaneKernels<Vector>::Table("avx512");

}  // namespace

const IsaTable& Avx512Table() { return kTable; }

}  // namespace foregate::internal
