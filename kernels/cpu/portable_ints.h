// How plain C++ multiplies quantized weights: Q of int_panel_kernels.h. Included by isa_portable.cc only.
#ifndef FOREGATE_KERNELS_CPU_PORTABLE_INTS_H_
#define FOREGATE_KERNELS_CPU_PORTABLE_INTS_H_

#include <cmath>
#include <cstdint>
#include <cstring>

namespace foregate::internal {
namespace {

struct PortableInts {
  static constexpr int kLanes = 16;
  struct Ints {
    int32_t lane[kLanes];
  };
  using Sums = Ints;
  static constexpr bool kNarrow = false;
  static constexpr bool kPrepares = false;
  static constexpr int kStreamRows = 2;
  static constexpr int kTileRows = 2;
  static constexpr int TilePanels(int /*rows*/) { return 1; }
  static constexpr int StreamPanels(int /*rows*/) { return 1; }
  using Prepared = int8_t;

  static Ints Set(int32_t value) {
    Ints result;
    for (int32_t& lane : result.lane) lane = value;
    return result;
  }
  // Into the type of the floats' lanes.
  template <typename Part>
  static Part ToFloatsOf(const Ints& a) {
    Part result;
    for (int i = 0; i < kLanes; ++i) result.lane[i] = static_cast<float>(a.lane[i]);
    return result;
  }
};

template <typename Part>
struct PortableInt8 : PortableInts {
  static constexpr int64_t kUnitInputs = 4;
  static constexpr int kSteps = 1;
  static constexpr int32_t kZeroPoint = 128;
  struct Weights {
    const uint8_t* bytes;
  };
  struct Inputs {
    int32_t x[4];
  };

  static Part ToFloats(const Ints& a) { return ToFloatsOf<Part>(a); }
  static Weights Unpack(const uint8_t* from, int /*step*/) { return {from}; }
  static Inputs Broadcast(const int8_t* x, int /*step*/) { return {{x[0], x[1], x[2], x[3]}}; }
  static Ints MulAdd(Ints sum, Weights w, const Inputs& x) {
    for (int i = 0; i < kLanes; ++i) {
      const uint8_t* quad = w.bytes + i * 4;
      sum.lane[i] += quad[0] * x.x[0] + quad[1] * x.x[1] + quad[2] * x.x[2] + quad[3] * x.x[3];
    }
    return sum;
  }

  static uint32_t LargestMagnitudeBits(const float* x, int64_t n) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; ++i) {
      uint32_t bits;
      std::memcpy(&bits, x + i, sizeof bits);
      bits &= 0x7fffffffu;
      largest = bits > largest ? bits : largest;
    }
    return largest;
  }
  static int32_t RoundRow(const float* x, int64_t n, float inverse, int8_t* values) {
    int32_t sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      values[i] = static_cast<int8_t>(std::nearbyint(x[i] * inverse));
      sum += values[i];
    }
    return sum;
  }
};

template <typename Part>
struct PortableInt4 : PortableInts {
  static constexpr int64_t kUnitInputs = 8;
  static constexpr int kSteps = 1;
  static constexpr int32_t kZeroPoint = 8;
  struct Weights {
    const uint8_t* bytes;
  };
  struct Inputs {
    int32_t x[8];
  };

  static Part ToFloats(const Ints& a) { return ToFloatsOf<Part>(a); }
  static Weights Unpack(const uint8_t* from, int /*step*/) { return {from}; }
  static Inputs Broadcast(const int8_t* x, int /*step*/) {
    Inputs inputs;
    for (int i = 0; i < 8; ++i) inputs.x[i] = x[i];
    return inputs;
  }
  static Ints MulAdd(Ints sum, Weights w, const Inputs& x) {
    for (int i = 0; i < kLanes; ++i) {
      for (int j = 0; j < 4; ++j) {
        const int both = w.bytes[i * 4 + j];
        sum.lane[i] += (both & 15) * x.x[j] + (both >> 4) * x.x[j + 4];
      }
    }
    return sum;
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PORTABLE_INTS_H_
