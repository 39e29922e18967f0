#include "kernels/cpu/isa_choice.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cpu/isa_check.h"
#include "kernels/cpu/isa_present.h"

namespace foregate::internal {
namespace {

bool Allowed() { return true; }
bool Refused() { return false; }
std::string Right(const IsaTable&) { return ""; }

CpuIdentity SapphireRapids() {
  CpuIdentity cpu;
  cpu.vendor = "GenuineIntel";
  cpu.avx2_fma = cpu.avx512 = cpu.avx512_vnni = cpu.avx512_bf16 = cpu.amx_bf16 = cpu.amx_int8 = true;
  return cpu;
}
CpuIdentity Zen4() {
  CpuIdentity cpu = SapphireRapids();
  cpu.vendor = "AuthenticAMD";
  cpu.amx_bf16 = cpu.amx_int8 = false;
  return cpu;
}

std::vector<std::string> Names(const std::vector<const IsaTable*>& tables) {
  std::vector<std::string> names;
  for (const IsaTable* table : tables) names.emplace_back(table->name);
  return names;
}
std::string BestOf(const CpuIdentity& cpu, bool tiles) {
  const auto best = ChooseIsa(TablesFor(cpu, tiles ? Allowed : Refused), cpu, "", Right,
                              [](const std::string& text) { ADD_FAILURE() << text; });
  return best.ok() ? (*best)->name : std::string(best.status().message());
}

TEST(IsaChoice, TablesFollowTheProcessorsFlags) {
  EXPECT_EQ(Names(TablesFor({}, Allowed)), std::vector<std::string>{"portable"});
  EXPECT_EQ(Names(TablesFor(Zen4(), Allowed)),
            (std::vector<std::string>{"portable", "avx2", "avx512", "avx512vnni", "avx512bf16"}));
  EXPECT_EQ(Names(TablesFor(SapphireRapids(), Allowed)).back(), "amx");
  CpuIdentity cpu = SapphireRapids();
  cpu.amx_int8 = false;
  EXPECT_EQ(Names(TablesFor(cpu, Allowed)).back(), "avx512bf16");
}

TEST(IsaChoice, TilesNeedTheSystemsPermissionWhichIsAskedForOnlyThere) {
  EXPECT_EQ(Names(TablesFor(SapphireRapids(), Refused)).back(), "avx512bf16");
  TablesFor(Zen4(), [] {
    ADD_FAILURE() << "there are no tiles";
    return true;
  });
}

TEST(IsaChoice, TheFastestIsTheDefault) {
  EXPECT_EQ(BestOf({}, true), "portable");
  EXPECT_EQ(BestOf(Zen4(), true), "avx512bf16");
  EXPECT_EQ(BestOf(SapphireRapids(), true), "amx");
  // vdpbf16ps is half as fast as FMA there.
  EXPECT_EQ(BestOf(SapphireRapids(), false), "avx512vnni");
}

std::string WrongTiles(const IsaTable& table) {
  return table.bf16_products == Bf16Products::kTiles ? "bf16 products differ" : "";
}

TEST(IsaChoice, ATableThatDiffersIsPassedOverWithANotice) {
  const CpuIdentity cpu = SapphireRapids();
  std::vector<std::string> notices;
  const auto best = ChooseIsa(TablesFor(cpu, Allowed), cpu, "", WrongTiles,
                              [&](const std::string& text) { notices.push_back(text); });
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ((*best)->name, std::string("avx512vnni"));
  EXPECT_EQ(notices,
            std::vector<std::string>{"isa amx is not used, it fails the check at start: bf16 products differ"});
}

TEST(IsaChoice, ThePortableTableIsLeftWhenAllOthersDiffer) {
  const CpuIdentity cpu = Zen4();
  int notices = 0;
  const auto best = ChooseIsa(
      TablesFor(cpu, Allowed), cpu, "", [](const IsaTable&) { return std::string("wrong"); },
      [&](const std::string&) { ++notices; });
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_EQ((*best)->name, std::string("portable"));
  EXPECT_EQ(notices, 4);
}

TEST(IsaChoice, OnlyTheTableAskedForIsJudged) {
  const CpuIdentity cpu = SapphireRapids();
  const auto tables = TablesFor(cpu, Allowed);
  const auto no_notice = [](const std::string& text) { ADD_FAILURE() << text; };
  for (const IsaTable* table : tables) {
    const auto chosen = ChooseIsa(
        tables, cpu, table->name,
        [&](const IsaTable& judged) { return std::string(&judged == table ? "" : "another"); }, no_notice);
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    EXPECT_EQ(*chosen, table);
  }
  const auto wrong = ChooseIsa(tables, cpu, "amx", WrongTiles, no_notice);
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(wrong.status().message());
  EXPECT_NE(message.find("\"amx\" fails the check at start (bf16 products differ)"), std::string::npos) << message;
  EXPECT_NE(message.find("portable, avx2"), std::string::npos) << message;
}

TEST(IsaChoice, WhatThisMachineHasPassesItsCheck) {
  for (const IsaTable* table : PresentIsaTables()) EXPECT_EQ(FirstDifference(*table, StartShapes()), "") << table->name;
}

// Broken tables: each breaks one thing that the check must see.
void DropAProduct(const FloatPanels& args) {
  PortableTable().float_panels[1](args);
  args.out[(args.num_rows - 1) * args.out_stride + args.num_outputs - 1] += 1.0f;
}
void LoseTheLastGroup(const IntPanels& args) {
  IntPanels shorter = args;
  if (args.k_end > args.group) shorter.k_end = args.group;
  PortableTable().int_panels[2](shorter);
}
void RoundScalesOtherwise(const float* x, int64_t n, int64_t group, int8_t* values, float* scales, int32_t* sums) {
  PortableTable().quantize_row(x, n, group, values, scales, sums);
  scales[0] = scales[0] * (1.0f + 0x1p-23f);
}
void SiluWithoutUp(const float* gate, const float* /*up*/, float* out, int64_t n) {
  const std::vector<float> ones(static_cast<size_t>(n), 1.0f);
  PortableTable().silu_mul(gate, ones.data(), out, n);
}

TEST(IsaCheck, SeesWhatIsBroken) {
  const auto difference = [](auto breaks) {
    IsaTable table = PortableTable();
    breaks(table);
    return FirstDifference(table, StartShapes());
  };
  EXPECT_EQ(difference([](IsaTable&) {}), "");
  EXPECT_NE(difference([](IsaTable& t) { t.float_panels[1] = DropAProduct; }).find("bf16 products"), std::string::npos);
  EXPECT_NE(difference([](IsaTable& t) { t.int_panels[2] = LoseTheLastGroup; }).find("int4 products"),
            std::string::npos);
  EXPECT_NE(difference([](IsaTable& t) { t.quantize_row = RoundScalesOtherwise; }).find("int8 products"),
            std::string::npos);
  EXPECT_NE(difference([](IsaTable& t) { t.silu_mul = SiluWithoutUp; }).find("activations"), std::string::npos);
  // The arithmetics of bf16 are told apart.
  for (const Bf16Products products : {Bf16Products::kPairs, Bf16Products::kTiles}) {
    EXPECT_NE(difference([=](IsaTable& t) { t.bf16_products = products; }).find("bf16 products"), std::string::npos);
  }
}

}  // namespace
}  // namespace foregate::internal
