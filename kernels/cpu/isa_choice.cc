#include "kernels/cpu/isa_choice.h"

namespace foregate::internal {

std::vector<const IsaTable*> SupportedIsaTables() {
  std::vector<const IsaTable*> tables = {&PortableTable()};
  // These ask the operating system's register support as well.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (!avx2) return tables;
  tables.push_back(&Avx2Table());
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (!avx512) return tables;
  tables.push_back(&Avx512Table());
  if (__builtin_cpu_supports("avx512vnni")) tables.push_back(&Avx512VnniTable());
  return tables;
}

}  // namespace foregate::internal
