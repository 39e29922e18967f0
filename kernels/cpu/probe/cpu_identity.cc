#include "kernels/cpu/probe/cpu_identity.h"

#include <cpuid.h>

#include <cstring>

namespace foregate {
namespace {

constexpr uint32_t kExtendedLeaves = 0x80000000;

bool Bit(uint32_t word, int bit) { return ((word >> bit) & 1) != 0; }

std::string Text(std::initializer_list<uint32_t> words) {
  std::string text;
  for (const uint32_t word : words) {
    char bytes[sizeof(word)];
    std::memcpy(bytes, &word, sizeof(word));
    text.append(bytes, sizeof(bytes));
  }
  return text;
}

std::string Brand(const CpuidReader& read) {
  if (read(kExtendedLeaves, 0).eax < kExtendedLeaves + 4) return {};
  std::string text;
  for (uint32_t i = 2; i <= 4; ++i) {
    const CpuidRegisters part = read(kExtendedLeaves + i, 0);
    text += Text({part.eax, part.ebx, part.ecx, part.edx});
  }
  text.resize(std::strlen(text.c_str()));  // padded with NULs
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

void DecodeSignature(uint32_t eax, CpuIdentity* cpu) {
  const uint32_t base_family = (eax >> 8) & 0xf;
  const uint32_t base_model = (eax >> 4) & 0xf;
  const bool extended = base_family == 0xf;
  cpu->family = static_cast<int>(base_family + (extended ? (eax >> 20) & 0xff : 0));
  cpu->model = static_cast<int>(base_model | (extended || base_family == 6 ? ((eax >> 16) & 0xf) << 4 : 0));
  cpu->stepping = static_cast<int>(eax & 0xf);
}

void DecodeFeatures(const CpuidReader& read, uint32_t max_leaf, uint64_t xcr0, CpuIdentity* cpu) {
  constexpr uint64_t kYmm = 0x6, kZmm = 0xe6, kTiles = 0x60000;
  if (max_leaf < 7 || (xcr0 & kYmm) != kYmm) return;
  const CpuidRegisters basic = read(1, 0);
  const CpuidRegisters features = read(7, 0);
  const CpuidRegisters more = features.eax >= 1 ? read(7, 1) : CpuidRegisters{};
  cpu->avx2_fma = Bit(features.ebx, 5) && Bit(basic.ecx, 12) && Bit(basic.ecx, 29);
  if (!cpu->avx2_fma) return;
  cpu->avx_vnni = Bit(more.eax, 4);
  const bool zmm = (xcr0 & kZmm) == kZmm;
  cpu->avx512 = zmm && Bit(features.ebx, 16) && Bit(features.ebx, 17) && Bit(features.ebx, 30) && Bit(features.ebx, 31);
  cpu->avx512_vnni = cpu->avx512 && Bit(features.ecx, 11);
  cpu->avx512_bf16 = cpu->avx512 && Bit(more.eax, 5);
  const bool tiles = (xcr0 & kTiles) == kTiles && Bit(features.edx, 24);
  cpu->amx_bf16 = tiles && Bit(features.edx, 22);
  cpu->amx_int8 = tiles && Bit(features.edx, 25);
}

}  // namespace

std::vector<std::string> FlagNames(const CpuIdentity& cpu) {
  std::vector<std::string> names;
  const auto add = [&names](bool has, const char* name) {
    if (has) names.emplace_back(name);
  };
  add(cpu.avx2_fma, "avx2_fma");
  add(cpu.avx512, "avx512");
  add(cpu.avx_vnni, "avx_vnni");
  add(cpu.avx512_vnni, "avx512_vnni");
  add(cpu.avx512_bf16, "avx512_bf16");
  add(cpu.amx_bf16, "amx_bf16");
  add(cpu.amx_int8, "amx_int8");
  return names;
}

CpuIdentity DecodeCpuid(const CpuidReader& read, uint64_t xcr0) {
  CpuIdentity cpu;
  const CpuidRegisters first = read(0, 0);
  cpu.vendor = Text({first.ebx, first.edx, first.ecx});
  cpu.brand = Brand(read);
  DecodeSignature(read(1, 0).eax, &cpu);
  DecodeFeatures(read, first.eax, xcr0, &cpu);
  return cpu;
}

CpuIdentity ThisCpu() {
  const CpuidReader read = [](uint32_t leaf, uint32_t subleaf) {
    CpuidRegisters out;
    __cpuid_count(leaf, subleaf, out.eax, out.ebx, out.ecx, out.edx);
    return out;
  };
  uint64_t xcr0 = 0;
  if (Bit(read(1, 0).ecx, 27)) {  // the system uses XSAVE, so reading XCR0 is legal
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    xcr0 = uint64_t{high} << 32 | low;
  }
  return DecodeCpuid(read, xcr0);
}

}  // namespace foregate
