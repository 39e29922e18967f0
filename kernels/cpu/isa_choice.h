// Which of the instruction-set tables that a machine can execute it is to use.
#ifndef FOREGATE_KERNELS_CPU_ISA_CHOICE_H_
#define FOREGATE_KERNELS_CPU_ISA_CHOICE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/probe/cpu_identity.h"

namespace foregate::internal {

// How a table is judged: as FirstDifference of isa_check.h, empty when it may be used.
using IsaJudge = std::function<std::string(const IsaTable&)>;
// Told of a table that would have been chosen and is not.
using IsaNotice = std::function<void(const std::string& text)>;

// The table named `wanted`, or when that is empty the fastest one that passes. `present` as TablesFor(cpu) gives it, so
// its first is the portable table, which is what the others are compared with and is not judged. INVALID_ARGUMENT when
// `wanted` is not present (naming what is) or does not pass (saying why).
absl::StatusOr<const IsaTable*> ChooseIsa(const std::vector<const IsaTable*>& present, const CpuIdentity& cpu,
                                          const std::string& wanted, const IsaJudge& judge, const IsaNotice& notice);

// The same for this machine, judged in about 1 ms by what the table computes; notices go to stderr. Thread-safe.
absl::StatusOr<const IsaTable*> ChooseIsaHere(const std::string& wanted);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ISA_CHOICE_H_
