#include "tools/offline/roofline_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two threads of a Zen 5 machine whose memory was busy.
MachineProbe BusyMachine() {
  MachineProbe probe;
  probe.cpu.brand = "AMD EPYC \xff";  // a brand is what the hypervisor says
  probe.cpu.vendor = "AuthenticAMD";
  probe.cpu.avx2_fma = true;
  probe.kind = MachineKind::kAmdZen5;
  probe.num_cpus = 2;
  probe.caches = {{1, 48 << 10, 1}, {3, 32 << 20, 2}};
  probe.reads = {{1, 2, 24 << 10, {400e9, 390e9, 300e9}}, {0, 2, 128 << 20, {40e9, 39e9, 20e9}}};
  for (const DotInstruction& instruction : DotInstructions()) {
    if (std::string_view(instruction.name) == "vfmadd231ps zmm") {
      probe.dots = {{&instruction, 2, {480e9, 470e9, 460e9}}};
    }
  }
  return probe;
}

TEST(RooflineReport, JsonHasTheShapeThatTheHeaderStates) {
  const auto json = nlohmann::json::parse(RooflineJson(BusyMachine()));
  EXPECT_EQ(json["machine"]["kind"], "AMD Zen 5");
  EXPECT_EQ(json["machine"]["flags"], nlohmann::json({"avx2_fma"}));
  EXPECT_EQ(json["machine"]["caches"][1]["bytes"], 32 << 20);
  ASSERT_EQ(json["read"].size(), 2u);
  EXPECT_EQ(json["read"][0]["level"], "L1");
  EXPECT_TRUE(json["read"][0]["figure"].is_null());
  EXPECT_EQ(json["read"][0]["counts"], true);
  EXPECT_EQ(json["read"][1]["level"], "memory");
  EXPECT_EQ(json["read"][1]["gb_per_s"], 40.0);
  EXPECT_EQ(json["read"][1]["figure"], 66.0);
  EXPECT_EQ(json["read"][1]["counts"], false);
  ASSERT_EQ(json["dot"].size(), 1u);
  EXPECT_EQ(json["dot"][0]["instruction"], "vfmadd231ps zmm");
  EXPECT_EQ(json["dot"][0]["threads"], 2);
  EXPECT_EQ(json["dot"][0]["counts"], true);
  EXPECT_EQ(json["counts"], false);
  EXPECT_EQ(json["absent"].size() + 5, DotInstructions().size());  // the base, and four of AVX2
}

TEST(RooflineReport, TheTableMarksWhatIsLow) {
  const std::string table = RooflineTable(BusyMachine());
  EXPECT_THAT(table, HasSubstr("memory, 131072 KiB each"));
  EXPECT_THAT(table, HasSubstr("66.0  LOW\n"));
  EXPECT_THAT(table, HasSubstr("482.0  ok\n"));
  EXPECT_THAT(table, HasSubstr(" tdpbf16ps;"));
  EXPECT_THAT(table, Not(HasSubstr(" vfmadd231ps ymm;")));
}

}  // namespace
}  // namespace foregate
