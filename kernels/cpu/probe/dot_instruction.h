// The dot-product instructions that the probe knows, and which of them this machine has.
#ifndef FOREGATE_KERNELS_CPU_PROBE_DOT_INSTRUCTION_H_
#define FOREGATE_KERNELS_CPU_PROBE_DOT_INSTRUCTION_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu/probe/cpu_identity.h"

namespace foregate {

// The operands that an instruction multiplies. Weights of one kind can be computed by instructions of several: bf16
// widened to f32, 4 bits as bytes.
enum class DotOperands : uint8_t { kF32, kBf16, kInt16, kInt8 };

struct DotInstruction {
  const char* name;   // as in the processor's manual, with the register width where there are several
  const char* about;  // what is counted, for a reader of the table
  DotOperands operands;
  // Sums in 16 bits overflow after a few products of bytes: usable for 4-bit weights, not for 8-bit ones.
  bool sums_are_short;
  int64_t ops_per_round;  // a multiply and an add are two operations
  bool (*is_present)(const CpuIdentity& cpu);
  // Runs so many rounds on the calling thread. Legal only where is_present and, for tiles, UsableHere.
  uint64_t (*run)(int64_t rounds);
};

// All that the probe knows, slowest of each kind first. Static storage.
std::span<const DotInstruction> DotInstructions();

// False where the processor lacks it, or the system refuses tile registers (which it is asked for here).
bool UsableHere(const DotInstruction& instruction, const CpuIdentity& cpu);

// Asks the system to save tile registers for this process; false when it refuses. Thread-safe.
bool TilesAllowed();

// The widest streaming read of the machine: reads `bytes`, a multiple of kReadUnit, on the calling thread.
inline constexpr int64_t kReadUnit = 1024;
using ReadLoopFunction = uint64_t (*)(const void* data, int64_t bytes);
ReadLoopFunction WidestRead(const CpuIdentity& cpu);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_PROBE_DOT_INSTRUCTION_H_
