#include "kernels/cpu/isa_choice.h"

#include <cstdio>
#include <utility>

#include "kernels/cpu/isa_check.h"
#include "kernels/cpu/isa_present.h"

namespace foregate::internal {
namespace {

// Half of the rate of FMA on Intel's processors, where the tables with chains of f32 are faster; twice on AMD's.
bool HasSlowBf16Pairs(const CpuIdentity& cpu) { return cpu.vendor != "AuthenticAMD"; }

}  // namespace

IsaChoice CheckTables(const std::vector<const IsaTable*>& present,
                      const std::function<std::string(const IsaTable&)>& difference) {
  IsaChoice choice;
  for (const IsaTable* table : present) {
    std::string reason = table == present.front() ? "" : difference(*table);
    if (reason.empty()) {
      choice.usable.push_back(table);
    } else {
      choice.rejected.push_back({table, std::move(reason)});
    }
  }
  return choice;
}

const IsaChoice& ThisMachinesIsaChoice() {
  static const IsaChoice choice = [] {
    const IsaChoice checked = CheckTables(
        PresentIsaTables(), [](const IsaTable& table) { return FirstDifference(table, StartShapes()); });
    for (const IsaChoice::Rejected& rejected : checked.rejected) {
      std::fprintf(stderr, "isa %s is not used: it fails the check at start: %s\n", rejected.table->name,
                   rejected.reason.c_str());
    }
    return checked;
  }();
  return choice;
}

absl::StatusOr<const IsaTable*> ChooseIsa(const IsaChoice& choice, const CpuIdentity& cpu, const std::string& wanted) {
  const IsaTable* best = nullptr;
  std::string names;
  for (const IsaTable* table : choice.usable) {
    if (wanted == table->name) return table;
    names += (names.empty() ? "" : ", ") + std::string(table->name);
    if (table->bf16_products != Bf16Products::kPairs || !HasSlowBf16Pairs(cpu)) best = table;
  }
  if (wanted.empty()) return best;
  std::string why = "is not to be had here";
  for (const IsaChoice::Rejected& rejected : choice.rejected) {
    if (wanted == rejected.table->name) why = "fails the check at start (" + rejected.reason + ")";
  }
  return absl::InvalidArgumentError("isa: \"" + wanted + "\" " + why + "; this machine can run " + names);
}

}  // namespace foregate::internal
