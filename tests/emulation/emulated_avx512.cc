// As kernels/cpu/isa_avx512.cc, over emulated intrinsics.
#include "tests/emulation/avx512_intrinsics.h"
// After the intrinsics that they use.
#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_ints.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/lane_kernels.h"
#include "tests/emulation/emulated_isa.h"

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

constexpr IsaTable kTable = LaneKernels<Vector>::Table("avx512_emulated");

}  // namespace

const IsaTable& EmulatedAvx512Table() { return kTable; }

}  // namespace foregate::internal
