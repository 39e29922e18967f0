#include "kernels/cpu/isa_choice.h"

#include <cstdio>

#include "kernels/cpu/isa_check.h"
#include "kernels/cpu/isa_present.h"

namespace foregate::internal {
namespace {

// Half of the rate of FMA on Intel's processors, where the tables with chains of f32 are faster; twice on AMD's.
bool HasSlowBf16Pairs(const CpuIdentity& cpu) { return cpu.vendor != "AuthenticAMD"; }

absl::Status NotChosen(const std::vector<const IsaTable*>& present, const std::string& wanted, const std::string& why) {
  std::string names;
  for (const IsaTable* table : present) names += (names.empty() ? "" : ", ") + std::string(table->name);
  return absl::InvalidArgumentError("isa: \"" + wanted + "\" " + why + "; this machine can run " + names);
}

}  // namespace

absl::StatusOr<const IsaTable*> ChooseIsa(const std::vector<const IsaTable*>& present, const CpuIdentity& cpu,
                                          const std::string& wanted, const IsaJudge& judge, const IsaNotice& notice) {
  for (size_t i = present.size(); i-- > 1;) {
    const IsaTable& table = *present[i];
    const bool is_slow = table.bf16_products == Bf16Products::kPairs && HasSlowBf16Pairs(cpu);
    if (wanted.empty() ? is_slow : wanted != table.name) continue;
    const std::string difference = judge(table);
    if (difference.empty()) return &table;
    if (!wanted.empty()) return NotChosen(present, wanted, "fails the check at start (" + difference + ")");
    notice("isa " + std::string(table.name) + " is not used, it fails the check at start: " + difference);
  }
  if (wanted.empty() || wanted == present.front()->name) return present.front();
  return NotChosen(present, wanted, "is not to be had here");
}

absl::StatusOr<const IsaTable*> ChooseIsaHere(const std::string& wanted) {
  return ChooseIsa(
      PresentIsaTables(), ThisCpu(), wanted,
      [](const IsaTable& table) { return FirstDifference(table, StartShapes()); },
      [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); });
}

}  // namespace foregate::internal
