// The arithmetics in which products with bf16 weights are computed (docs/adr/0017), by name only: instruction-set
// files include this header. What each computes is written in kernels/base/bf16_arithmetic.h.
#ifndef FOREGATE_KERNELS_BASE_BF16_PRODUCTS_H_
#define FOREGATE_KERNELS_BASE_BF16_PRODUCTS_H_

#include <cstdint>

namespace foregate {

enum class Bf16Products : uint8_t {
  kChain,  // activations stay f32: the chain of f32.seq.fma.v2
  kPairs,  // bf16.pairs.v1: vdpbf16ps
  kTiles,  // bf16.tiles.v1: tdpbf16ps
};

// Names the whole arithmetic of a CPU path that computes bf16 products so: DeviceInfo::numeric_contract.
constexpr const char* CpuNumericContract(Bf16Products products) {
  switch (products) {
    case Bf16Products::kPairs:
      return "f32.seq.fma.v2+bf16.pairs.v1+int.group.v1";
    case Bf16Products::kTiles:
      return "f32.seq.fma.v2+bf16.tiles.v1+int.group.v1";
    case Bf16Products::kChain:
      break;
  }
  return "f32.seq.fma.v2+int.group.v1";
}

}  // namespace foregate

#endif  // FOREGATE_KERNELS_BASE_BF16_PRODUCTS_H_
