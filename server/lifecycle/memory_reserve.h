// What of a memory limit is left to others: to the process beside its plan, and, as a reserve that experts give back
// memory for, to whatever grows.
#ifndef FOREGATE_SERVER_LIFECYCLE_MEMORY_RESERVE_H_
#define FOREGATE_SERVER_LIFECYCLE_MEMORY_RESERVE_H_

#include <algorithm>
#include <cstdint>

namespace foregate {

// What code, stacks, tokenizer, connections and buffers take beside the planned memory.
inline constexpr uint64_t kProcessReserveBytes = 96ull << 20;

// What should stay free of a control group: 1/256 of its limit, 8 MiB to a quarter of kProcessReserveBytes. A plan may
// fill a limit up to kProcessReserveBytes, and twice the reserve free is plenty (expert_memory_target.h): while the
// process takes less than half of what the plan leaves for it, a plan that fills its limit is no shortage.
inline uint64_t GroupReserveBytes(uint64_t limit_bytes) {
  return std::clamp(limit_bytes / 256, uint64_t{8} << 20, kProcessReserveBytes / 4);
}

// Of a machine: 1 %, 64 MiB to 1 GiB. FindMemoryLimit plans with a machine's memory less twice of it, for the kernel
// and everyone else take from it, too.
inline uint64_t MachineReserveBytes(uint64_t machine_bytes) {
  return std::clamp(machine_bytes / 100, uint64_t{64} << 20, uint64_t{1} << 30);
}

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_MEMORY_RESERVE_H_
