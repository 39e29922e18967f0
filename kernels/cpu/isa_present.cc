#include "kernels/cpu/isa_present.h"

#include "kernels/cpu/probe/dot_instruction.h"

namespace foregate::internal {

std::vector<const IsaTable*> TablesFor(const CpuIdentity& cpu, const std::function<bool()>& tiles_allowed) {
  std::vector<const IsaTable*> tables = {&PortableTable()};
  if (cpu.avx2_fma) tables.push_back(&Avx2Table());
  if (cpu.avx512) tables.push_back(&Avx512Table());
  if (cpu.avx512_vnni) tables.push_back(&Avx512VnniTable());
  if (!cpu.avx512_vnni || !cpu.avx512_bf16) return tables;
  tables.push_back(&Avx512Bf16Table());
  if (cpu.amx_bf16 && cpu.amx_int8 && tiles_allowed()) tables.push_back(&AmxTable());
  return tables;
}

std::vector<const IsaTable*> PresentIsaTables() { return TablesFor(ThisCpu(), TilesAllowed); }

}  // namespace foregate::internal
