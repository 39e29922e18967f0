// Which processor this is, and which of its instructions the operating system lets us use.
//
// Values; thread-safe. Asks the processor itself, so that it works in containers without /proc and with any compiler.
#ifndef FOREGATE_KERNELS_CPU_PROBE_CPU_IDENTITY_H_
#define FOREGATE_KERNELS_CPU_PROBE_CPU_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace foregate {

struct CpuIdentity {
  std::string vendor;  // "GenuineIntel", "AuthenticAMD"
  std::string brand;   // the marketing name, without surrounding spaces
  int family = 0;      // with the extended family added
  int model = 0;       // with the extended model in front
  int stepping = 0;
  // True where the processor has them *and* the operating system saves their registers.
  bool avx2_fma = false;  // AVX2, FMA and F16C
  bool avx512 = false;    // F, BW, DQ and VL
  bool avx_vnni = false;
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool amx_bf16 = false;
  bool amx_int8 = false;
};

// The names of the flags above that are true, in that order.
std::vector<std::string> FlagNames(const CpuIdentity& cpu);

struct CpuidRegisters {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};
using CpuidReader = std::function<CpuidRegisters(uint32_t leaf, uint32_t subleaf)>;

// Pure. `xcr0` is the register that says which register files the system saves; 0 when it uses no XSAVE.
CpuIdentity DecodeCpuid(const CpuidReader& read, uint64_t xcr0);

// The processor that runs this.
CpuIdentity ThisCpu();

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_PROBE_CPU_IDENTITY_H_
