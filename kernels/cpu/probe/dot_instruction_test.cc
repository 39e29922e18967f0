#include "kernels/cpu/probe/dot_instruction.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/probe/probe_loops.h"

namespace foregate {
namespace {

TEST(DotInstruction, EveryInstructionIsNamedOnce) {
  std::set<std::string> names;
  for (const DotInstruction& instruction : DotInstructions()) {
    EXPECT_TRUE(names.insert(instruction.name).second) << instruction.name;
    EXPECT_GT(instruction.ops_per_round, 0);
  }
}

TEST(DotInstruction, NothingButTheBaseIsUsableOnAProcessorWithoutFlags) {
  int usable = 0;
  for (const DotInstruction& instruction : DotInstructions()) usable += UsableHere(instruction, CpuIdentity{}) ? 1 : 0;
  EXPECT_EQ(usable, 1);
}

// What one round adds to a lane of the sums, from the bytes 80 3f 80 3f of either operand.
uint64_t AddedPerDot(const std::string& name) {
  constexpr int64_t kWord = 0x3f80, kByteProducts = 0x80 * -128 + 0x3f * 0x3f;
  if (name.starts_with("vpmaddwd")) return static_cast<uint64_t>(2 * kWord * kWord);
  if (name.starts_with("vpmaddubsw") && name.ends_with("short")) return static_cast<uint64_t>(kByteProducts);
  if (name.starts_with("vpmaddubsw")) return static_cast<uint64_t>(2 * kByteProducts * kWord);
  if (name.starts_with("vpdpbusd")) return static_cast<uint64_t>(2 * kByteProducts);
  return 0;
}

// The loops do all the work that the table counts: exact for those that sum integers, in the bits of one lane.
TEST(DotInstruction, LoopsRunEveryInstructionTheyCount) {
  const CpuIdentity cpu = ThisCpu();
  for (const DotInstruction& instruction : DotInstructions()) {
    if (!UsableHere(instruction, cpu)) continue;
    for (const int64_t rounds : {0, 1, 7}) {
      const uint64_t sum = instruction.run(rounds);
      if (const uint64_t added = AddedPerDot(instruction.name)) {
        const uint64_t lane = instruction.sums_are_short ? 0xffff : 0xffffffff;
        const auto dots = static_cast<uint64_t>(rounds * internal::kDotsPerRound);
        EXPECT_EQ(sum & lane, (dots * added) & lane) << instruction.name << ", " << rounds << " rounds";
      } else {
        EXPECT_EQ(sum != 0, rounds != 0) << instruction.name << ", " << rounds << " rounds";
      }
    }
  }
}

TEST(WidestRead, ReadsEveryLine) {
  const CpuIdentity cpu = ThisCpu();
  CpuIdentity narrower = cpu;
  narrower.avx512 = false;
  for (const ReadLoopFunction read : {WidestRead(cpu), WidestRead(narrower), WidestRead(CpuIdentity{})}) {
    std::vector<uint64_t> words(static_cast<size_t>(4 * kReadUnit) / sizeof(uint64_t));
    ASSERT_EQ(read(words.data(), 4 * kReadUnit), 0u);
    for (size_t line = 0; line < words.size(); line += 8) {
      words[line] = line + 1;
      EXPECT_EQ(read(words.data(), 4 * kReadUnit), line + 1);
      words[line] = 0;
    }
  }
}

}  // namespace
}  // namespace foregate
