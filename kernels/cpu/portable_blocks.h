// How plain C++ multiplies the weights of GGUF's block formats: V::Codebook and V::KQuant (int_panel_kernels.h,
// k_panel_kernels.h). Included by isa_portable.cc only.
#ifndef FOREGATE_KERNELS_CPU_PORTABLE_BLOCKS_H_
#define FOREGATE_KERNELS_CPU_PORTABLE_BLOCKS_H_

#include "kernels/api/block_formats.h"
#include "kernels/cpu/portable_ints.h"

namespace foregate::internal {
namespace {

template <typename Part, const int8_t (&kValues)[16]>
struct PortableCodebook : PortableInt4<Part> {
  using typename PortableInt4<Part>::Ints;
  using typename PortableInt4<Part>::Inputs;
  using typename PortableInt4<Part>::Weights;
  static constexpr int32_t kZeroPoint = 0;

  static Ints MulAdd(Ints sum, Weights w, const Inputs& x) {
    for (int i = 0; i < PortableInts::kLanes; ++i) {
      for (int j = 0; j < 4; ++j) {
        const int both = w.bytes[i * 4 + j];
        sum.lane[i] += kValues[both & 15] * x.x[j] + kValues[both >> 4] * x.x[j + 4];
      }
    }
    return sum;
  }
};

template <typename Part, int kHighBits>
struct PortableKQuant : PortableInt4<Part> {
  using Block = KBlock<kHighBits>;
  using typename PortableInt4<Part>::Ints;
  using typename PortableInt4<Part>::Inputs;
  static constexpr int kFoldUnits = KBlock<kHighBits>::kUnits;
  struct Weights {
    const uint8_t* nibbles;
    const uint8_t* high_bits;
    int unit;

    // Integer `place` of the unit, of output i.
    int At(int i, int place) const {
      const int j = i * 4 + place % 4;
      const int low = nibbles[j] >> place / 4 * 4 & 15;
      if constexpr (kHighBits == 0) return low;
      return low | (high_bits[j] >> (2 * unit + place / 4) * kHighBits & ((1 << kHighBits) - 1)) << 4;
    }
  };

  static Ints Zero() { return PortableInts::Set(0); }
  static Weights Unpack(const uint8_t* group, int64_t /*part*/, int u, int /*step*/) {
    return {group + u * 64, group + Block::kHighBitsOffset, u};
  }
  static Ints MulAdd(Ints sum, Weights w, const Inputs& x) {
    for (int i = 0; i < PortableInts::kLanes; ++i) {
      for (int place = 0; place < 8; ++place) sum.lane[i] += w.At(i, place) * x.x[place];
    }
    return sum;
  }
  static Ints AddNarrow(Ints total, const Ints& sum) {
    for (int i = 0; i < PortableInts::kLanes; ++i) total.lane[i] += sum.lane[i];
    return total;
  }
  static Part Scales(const uint8_t* from) {
    Part result;
    for (int i = 0; i < PortableInts::kLanes; ++i) {
      result.lane[i] =
          Block::kHasMinima ? static_cast<float>(from[i]) : static_cast<float>(static_cast<int8_t>(from[i]));
    }
    return result;
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PORTABLE_BLOCKS_H_
