// Which of the instruction-set tables that this machine can execute it is to use.
#ifndef FOREGATE_KERNELS_CPU_ISA_CHOICE_H_
#define FOREGATE_KERNELS_CPU_ISA_CHOICE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/probe/cpu_identity.h"

namespace foregate::internal {

// Of the present tables, those that compute what they should.
struct IsaChoice {
  struct Rejected {
    const IsaTable* table;
    std::string reason;
  };
  std::vector<const IsaTable*> usable;  // worst first; never empty
  std::vector<Rejected> rejected;
};
// `difference` as FirstDifference of isa_check.h: empty for a table that may be used. The first table is the judge and
// stays.
IsaChoice CheckTables(const std::vector<const IsaTable*>& present,
                      const std::function<std::string(const IsaTable&)>& difference);

// What this machine may run, checked once in a process (a few ms); a rejection is logged then. Thread-safe.
const IsaChoice& ThisMachinesIsaChoice();

// The table named `wanted`, or the fastest one of the usable when it is empty. INVALID_ARGUMENT with the usable names,
// and the reason when the table was rejected.
absl::StatusOr<const IsaTable*> ChooseIsa(const IsaChoice& choice, const CpuIdentity& cpu, const std::string& wanted);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ISA_CHOICE_H_
