// The AVX-512 intrinsics that kernels/cpu uses, in plain C++ after Intel's description of each instruction: the
// AVX-512 kernels, compiled against these, run on any machine and give the bits that they give on the processor. Slow;
// for tests only. An intrinsic that a kernel starts to use is added here.
#ifndef FOREGATE_TESTS_EMULATION_AVX512_INTRINSICS_H_
#define FOREGATE_TESTS_EMULATION_AVX512_INTRINSICS_H_

// The kernels' unrolled tiles are compiled without optimization (BUILD.bazel), which takes a twentieth of the time;
// what they call is worth optimizing.
#pragma GCC push_options
#pragma GCC optimize("O2")

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernels/base/float_types.h"

// Within the kernels' own namespace these come before the compiler's, should it have declared any.
namespace foregate::internal {
namespace {

struct __m512 {
  std::array<float, 16> lane;
};
struct __m512i {
  std::array<uint8_t, 64> byte;
};
struct __m256 {
  std::array<float, 8> lane;
};
struct __m256i {
  std::array<uint16_t, 16> word;
};
using __mmask16 = uint16_t;
using __mmask64 = uint64_t;

// --- f32 lanes

template <typename Function>
[[gnu::noinline]] __m512 Emulate(Function function) {
  __m512 result;
  for (size_t i = 0; i < 16; ++i) result.lane[i] = function(i);
  return result;
}

[[gnu::noinline]] __m512 _mm512_set1_ps(float a) {
  return Emulate([=](size_t) { return a; });
}
[[gnu::noinline]] __m512 _mm512_loadu_ps(const void* from) {
  __m512 result;
  std::memcpy(&result, from, sizeof result);
  return result;
}
[[gnu::noinline]] void _mm512_storeu_ps(void* to, const __m512& a) { std::memcpy(to, &a, sizeof a); }
[[gnu::noinline]] __m512 _mm512_add_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return a.lane[i] + b.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_sub_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return a.lane[i] - b.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_mul_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return a.lane[i] * b.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_div_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return a.lane[i] / b.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_fmadd_ps(const __m512& a, const __m512& b, const __m512& c) {
  return Emulate([&](size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
}
// a * 2^floor(b), rounded once.
[[gnu::noinline]] __m512 _mm512_scalef_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) {
    const float x = a.lane[i];
    const float exponent = b.lane[i];
    if (std::isnan(x) || std::isnan(exponent)) return x + exponent;
    return std::scalbn(x, static_cast<int>(std::clamp(std::floor(exponent), -1000.0f, 1000.0f)));
  });
}
// The second operand when either is NaN or both are zero.
[[gnu::noinline]] __m512 _mm512_max_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_min_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_xor_ps(const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(a.lane[i]) ^ std::bit_cast<uint32_t>(b.lane[i]));
  });
}
[[gnu::noinline]] __m512 _mm512_mask_blend_ps(__mmask16 mask, const __m512& a, const __m512& b) {
  return Emulate([&](size_t i) { return (mask >> i & 1) != 0 ? b.lane[i] : a.lane[i]; });
}
[[gnu::noinline]] __m512 _mm512_cvtph_ps(const __m256i& a) {
  return Emulate([&](size_t i) { return F16ToF32(a.word[i]); });
}

// --- halves and quarters

[[gnu::noinline]] __m256 _mm512_extractf32x8_ps(const __m512& a, int half) {
  __m256 result;
  for (size_t i = 0; i < 8; ++i) result.lane[i] = a.lane[static_cast<size_t>(half) * 8 + i];
  return result;
}
[[gnu::noinline]] __m256 _mm512_castps512_ps256(const __m512& a) { return _mm512_extractf32x8_ps(a, 0); }
[[gnu::noinline]] __m256 _mm256_add_ps(const __m256& a, const __m256& b) {
  __m256 result;
  for (size_t i = 0; i < 8; ++i) result.lane[i] = a.lane[i] + b.lane[i];
  return result;
}
[[gnu::noinline]] __m128 _mm256_extractf128_ps(const __m256& a, int half) {
  return _mm_loadu_ps(a.lane.data() + half * 4);
}
[[gnu::noinline]] __m128 _mm256_castps256_ps128(const __m256& a) { return _mm256_extractf128_ps(a, 0); }
[[gnu::noinline]] __m128 _mm_movehdup_ps(__m128 a) { return _mm_shuffle_ps(a, a, _MM_SHUFFLE(3, 3, 1, 1)); }
[[gnu::noinline]] __m256i _mm256_loadu_si256(const void* from) {
  __m256i result;
  std::memcpy(&result, from, sizeof result);
  return result;
}

// --- integer lanes of type T

template <typename T>
using Lanes = std::array<T, 64 / sizeof(T)>;

// Lane i of the result is function(i), or what is left of it in T.
template <typename T, typename Function>
[[gnu::noinline]] __m512i EmulateLanes(Function function) {
  Lanes<T> result;
  for (size_t i = 0; i < result.size(); ++i) result[i] = static_cast<T>(function(i));
  return std::bit_cast<__m512i>(result);
}
template <typename T>
inline Lanes<T> As(const __m512i& a) {
  return std::bit_cast<Lanes<T>>(a);
}

[[gnu::noinline]] __m512i _mm512_castps_si512(const __m512& a) { return std::bit_cast<__m512i>(a); }
[[gnu::noinline]] __m512 _mm512_castsi512_ps(const __m512i& a) { return std::bit_cast<__m512>(a); }
[[gnu::noinline]] __m512i _mm512_setzero_si512() { return {}; }
[[gnu::noinline]] __m512i _mm512_set1_epi32(int32_t a) {
  return EmulateLanes<int32_t>([=](size_t) { return a; });
}
[[gnu::noinline]] __m512i _mm512_set1_epi16(int16_t a) {
  return EmulateLanes<int16_t>([=](size_t) { return a; });
}
[[gnu::noinline]] __m512i _mm512_set1_epi8(int8_t a) {
  return EmulateLanes<int8_t>([=](size_t) { return a; });
}
[[gnu::noinline]] __m512i _mm512_loadu_si512(const void* from) {
  __m512i result;
  std::memcpy(&result, from, sizeof result);
  return result;
}
[[gnu::noinline]] void _mm512_storeu_si512(void* to, const __m512i& a) { std::memcpy(to, &a, sizeof a); }
[[gnu::noinline]] __m512i _mm512_and_si512(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint8_t>([&](size_t i) { return a.byte[i] & b.byte[i]; });
}
[[gnu::noinline]] __m512i _mm512_or_si512(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint8_t>([&](size_t i) { return a.byte[i] | b.byte[i]; });
}
[[gnu::noinline]] __m512i _mm512_broadcast_i32x4(__m128i a) {
  const auto bytes = std::bit_cast<std::array<uint8_t, 16>>(a);
  return EmulateLanes<uint8_t>([&](size_t i) { return bytes[i % 16]; });
}
// Within each 16 bytes; zero where the index's highest bit is set.
[[gnu::noinline]] __m512i _mm512_shuffle_epi8(const __m512i& a, const __m512i& index) {
  return EmulateLanes<uint8_t>(
      [&](size_t i) { return (index.byte[i] & 0x80) != 0 ? 0 : a.byte[i / 16 * 16 + (index.byte[i] & 15)]; });
}
[[gnu::noinline]] __m512i _mm512_abs_epi8(const __m512i& a) {
  return EmulateLanes<uint8_t>([&](size_t i) { return std::abs(As<int8_t>(a)[i]); });
}
[[gnu::noinline]] __m512i _mm512_add_epi8(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint8_t>([&](size_t i) { return a.byte[i] + b.byte[i]; });
}
[[gnu::noinline]] __mmask64 _mm512_movepi8_mask(const __m512i& a) {
  __mmask64 mask = 0;
  for (size_t i = 0; i < 64; ++i) mask |= __mmask64{a.byte[i]} >> 7 << i;
  return mask;
}
[[gnu::noinline]] __m512i _mm512_mask_sub_epi8(const __m512i& otherwise, __mmask64 mask, const __m512i& a,
                                               const __m512i& b) {
  return EmulateLanes<uint8_t>(
      [&](size_t i) { return (mask >> i & 1) != 0 ? a.byte[i] - b.byte[i] : otherwise.byte[i]; });
}
[[gnu::noinline]] __m512i _mm512_cvtepu8_epi32(__m128i a) {
  const auto bytes = std::bit_cast<std::array<uint8_t, 16>>(a);
  return EmulateLanes<int32_t>([&](size_t i) { return bytes[i]; });
}
[[gnu::noinline]] __m512i _mm512_cvtepi8_epi32(__m128i a) {
  const auto bytes = std::bit_cast<std::array<int8_t, 16>>(a);
  return EmulateLanes<int32_t>([&](size_t i) { return bytes[i]; });
}
[[gnu::noinline]] __m512i _mm512_add_epi32(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint32_t>([&](size_t i) { return As<uint32_t>(a)[i] + As<uint32_t>(b)[i]; });
}
[[gnu::noinline]] __m512i _mm512_sub_epi32(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint32_t>([&](size_t i) { return As<uint32_t>(a)[i] - As<uint32_t>(b)[i]; });
}
[[gnu::noinline]] __m512i _mm512_add_epi16(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint16_t>([&](size_t i) { return As<uint16_t>(a)[i] + As<uint16_t>(b)[i]; });
}
[[gnu::noinline]] __m512i _mm512_max_epu32(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint32_t>([&](size_t i) { return std::max(As<uint32_t>(a)[i], As<uint32_t>(b)[i]); });
}
[[gnu::noinline]] __m512i _mm512_slli_epi32(const __m512i& a, unsigned count) {
  return EmulateLanes<uint32_t>([&](size_t i) { return As<uint32_t>(a)[i] << count; });
}
[[gnu::noinline]] __m512i _mm512_srai_epi32(const __m512i& a, unsigned count) {
  return EmulateLanes<int32_t>([&](size_t i) { return As<int32_t>(a)[i] >> count; });
}
[[gnu::noinline]] __m512i _mm512_slli_epi16(const __m512i& a, unsigned count) {
  return EmulateLanes<uint16_t>([&](size_t i) { return As<uint16_t>(a)[i] << count; });
}
[[gnu::noinline]] __m512i _mm512_srli_epi16(const __m512i& a, unsigned count) {
  return EmulateLanes<uint16_t>([&](size_t i) { return As<uint16_t>(a)[i] >> count; });
}
[[gnu::noinline]] __m512i _mm512_srai_epi16(const __m512i& a, unsigned count) {
  return EmulateLanes<int16_t>([&](size_t i) { return As<int16_t>(a)[i] >> count; });
}
[[gnu::noinline]] __m512i _mm512_cvtepu16_epi32(const __m256i& a) {
  return EmulateLanes<uint32_t>([&](size_t i) { return a.word[i]; });
}
[[gnu::noinline]] __m512 _mm512_cvtepi32_ps(const __m512i& a) {
  return Emulate([&](size_t i) { return static_cast<float>(As<int32_t>(a)[i]); });
}
// In the current rounding mode; what does not fit becomes the smallest integer.
[[gnu::noinline]] __m512i _mm512_cvtps_epi32(const __m512& a) {
  return EmulateLanes<int32_t>([&](size_t i) { return _mm_cvtss_si32(_mm_set_ss(a.lane[i])); });
}
[[gnu::noinline]] __m128i _mm512_cvtepi32_epi8(const __m512i& a) {
  std::array<int8_t, 16> result;
  for (size_t i = 0; i < 16; ++i) result[i] = static_cast<int8_t>(As<int32_t>(a)[i]);
  return std::bit_cast<__m128i>(result);
}

// --- dot products

[[gnu::noinline]] __m512i _mm512_madd_epi16(const __m512i& a, const __m512i& b) {
  return EmulateLanes<uint32_t>([&](size_t i) {
    const auto product = [&](size_t j) { return static_cast<uint32_t>(As<int16_t>(a)[j] * As<int16_t>(b)[j]); };
    return product(2 * i) + product(2 * i + 1);
  });
}
// Unsigned a, signed b; the sum of a pair saturates.
[[gnu::noinline]] __m512i _mm512_maddubs_epi16(const __m512i& a, const __m512i& b) {
  return EmulateLanes<int16_t>([&](size_t i) {
    const auto product = [&](size_t j) { return a.byte[j] * As<int8_t>(b)[j]; };
    return std::clamp(product(2 * i) + product(2 * i + 1), -32768, 32767);
  });
}
// vpdpbusd (kernels/cpu/avx512_intrinsics.h): unsigned weights, signed inputs; the sum wraps.
[[gnu::noinline]] void AddQuads(const __m512i& weights, const __m512i& inputs, __m512i& sums) {
  sums = EmulateLanes<uint32_t>([&](size_t i) {
    uint32_t result = As<uint32_t>(sums)[i];
    for (size_t j = 4 * i; j < 4 * i + 4; ++j) {
      result += static_cast<uint32_t>(weights.byte[j] * As<int8_t>(inputs)[j]);
    }
    return result;
  });
}

}  // namespace
}  // namespace foregate::internal

#pragma GCC pop_options

#endif  // FOREGATE_TESTS_EMULATION_AVX512_INTRINSICS_H_
