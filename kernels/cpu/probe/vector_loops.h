// The loops of one vector width over a register type (__m256i or __m512i). Included by the files that are compiled for
// that width alone, so everything is in an anonymous namespace and no standard code is used.
//
// The timed instructions are written as assembly: it is they that the probe names, and a compiler would compute equal
// products once, or move registers about until the moves are what is measured.
#ifndef FOREGATE_KERNELS_CPU_PROBE_VECTOR_LOOPS_H_
#define FOREGATE_KERNELS_CPU_PROBE_VECTOR_LOOPS_H_

#include "kernels/cpu/probe/probe_loops.h"

namespace foregate::internal {
namespace {

// Twelve sums: at least the latency (4 or 5 cycles) times the two that start in a cycle, and with two operands and two
// products they fill the sixteen registers of AVX2.
inline constexpr int kSums = 12;
static_assert(kDotsPerRound % kSums == 0);

// 1.0 and 1.0 as a pair of bf16, a little over 1 as f32: an operand that underflows could take a slow path.
inline constexpr uint32_t kOnes = 0x3f803f80;

template <typename Register>
Register AllLanes(uint32_t word) {
  return Register{} + static_cast<long long>(uint64_t{word} << 32 | word);
}

// `kDot(sum, a, b)` adds one dot product to `sum`.
template <typename Register, auto kDot>
uint64_t DotLoop(int64_t rounds) {
  Register s0 = {}, s1 = {}, s2 = {}, s3 = {}, s4 = {}, s5 = {}, s6 = {}, s7 = {}, s8 = {}, s9 = {}, s10 = {}, s11 = {};
  const auto a = AllLanes<Register>(kOnes);
  const auto b = AllLanes<Register>(kOnes);
  for (int64_t i = 0; i < rounds * (kDotsPerRound / kSums); ++i) {
    kDot(s0, a, b);
    kDot(s1, a, b);
    kDot(s2, a, b);
    kDot(s3, a, b);
    kDot(s4, a, b);
    kDot(s5, a, b);
    kDot(s6, a, b);
    kDot(s7, a, b);
    kDot(s8, a, b);
    kDot(s9, a, b);
    kDot(s10, a, b);
    kDot(s11, a, b);
  }
  const Register all = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
  return static_cast<uint64_t>(all[0]);
}

// Four streams, two registers of each at a time.
template <typename Register>
uint64_t ReadLoop(const void* data, int64_t bytes) {
  const int64_t stream = bytes / 4;
  const auto* p0 = static_cast<const char*>(data);
  const char* p1 = p0 + stream;
  const char* p2 = p1 + stream;
  const char* p3 = p2 + stream;
  Register s0 = {}, s1 = {}, s2 = {}, s3 = {}, s4 = {}, s5 = {}, s6 = {}, s7 = {};
  constexpr int64_t kBytes = sizeof(Register);
  const auto at = [](const char* from) { return *reinterpret_cast<const Register*>(from); };
  for (int64_t i = 0; i < stream; i += 2 * kBytes) {
    s0 ^= at(p0 + i);
    s1 ^= at(p1 + i);
    s2 ^= at(p2 + i);
    s3 ^= at(p3 + i);
    s4 ^= at(p0 + i + kBytes);
    s5 ^= at(p1 + i + kBytes);
    s6 ^= at(p2 + i + kBytes);
    s7 ^= at(p3 + i + kBytes);
  }
  const Register all = s0 ^ s1 ^ s2 ^ s3 ^ s4 ^ s5 ^ s6 ^ s7;
  return static_cast<uint64_t>(all[0]);
}

// One instruction with its addition, or a product and what adds it up.
template <typename Register>
void Fma(Register& sum, const Register& a, const Register& b) {
  __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

template <typename Register>
void Maddwd(Register& sum, const Register& a, const Register& b) {
  Register product;
  __asm__ volatile("vpmaddwd %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
  __asm__ volatile("vpaddd %1, %0, %0" : "+v"(sum) : "v"(product));
}

template <typename Register>
void Maddubs16(Register& sum, const Register& a, const Register& b) {
  Register product;
  __asm__ volatile("vpmaddubsw %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
  __asm__ volatile("vpaddw %1, %0, %0" : "+v"(sum) : "v"(product));
}

template <typename Register>
void Maddubs32(Register& sum, const Register& a, const Register& b) {
  Register product;
  __asm__ volatile("vpmaddubsw %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
  __asm__ volatile("vpmaddwd %1, %0, %0" : "+v"(product) : "v"(b));
  __asm__ volatile("vpaddd %1, %0, %0" : "+v"(sum) : "v"(product));
}

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PROBE_VECTOR_LOOPS_H_
