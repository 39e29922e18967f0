#include "engine/moe/slot_plan.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

// Layers 0 and 2 of blocks of 3 pages, layer 5 of blocks of 4: its down matrix is larger.
ExpertDirectory MixedDirectory(int32_t num_experts = 10) {
  std::vector<ExpertLayout> layouts;
  for (const int32_t layer : {0, 2, 5}) {
    for (int32_t expert = 0; expert < num_experts; ++expert)
      layouts.push_back({.hidden = 64,
                         .width = 32,
                         .formats = {WeightFormat::kBf16, WeightFormat::kBf16,
                                     layer == 5 ? WeightFormat::kF32 : WeightFormat::kBf16}});
  }
  return ExpertDirectory({0, 2, 5}, num_experts, layouts);
}

TEST(SlotPlan, AllHasASlotOfEachExpertsSize) {
  const SlotPlan plan = PlanAllSlots(MixedDirectory());
  ASSERT_EQ(plan.classes, (std::vector<SlotClass>{{3 * 4096, 20}, {4 * 4096, 10}}));
  EXPECT_EQ(plan.num_slots(), 30u);
  EXPECT_EQ(plan.num_bytes(), 100u * 4096);
  EXPECT_EQ(plan.class_of[0], 0u);
  EXPECT_EQ(plan.class_of[19], 0u);
  EXPECT_EQ(plan.class_of[20], 1u);
}

TEST(SlotPlan, MemoryIsSharedByWhatTheClassesNeed) {
  const ExpertDirectory directory = MixedDirectory();
  for (uint64_t pages = 14; pages <= 100; ++pages) {
    const auto plan = PlanSlots(directory, pages * 4096);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_LE(plan->num_bytes(), pages * 4096);
    EXPECT_GE(plan->num_bytes() + 7 * 4096, pages * 4096) << "less than a slot of each class is left over";
    EXPECT_GE(plan->classes[1].num_slots, 2u);
  }
  const auto half = PlanSlots(directory, 50 * 4096);
  EXPECT_EQ(half->classes, (std::vector<SlotClass>{{3 * 4096, 9}, {4 * 4096, 5}}));
}

TEST(SlotPlan, EnoughMemoryIsASlotForEach) {
  const ExpertDirectory directory = MixedDirectory();
  EXPECT_EQ(PlanSlots(directory, 100 * 4096)->classes, PlanAllSlots(directory).classes);
  EXPECT_EQ(PlanSlots(directory, 1000 * 4096)->classes, PlanAllSlots(directory).classes);
  EXPECT_LT(PlanSlots(directory, 100 * 4096 - 1)->num_slots(), 30u);
}

TEST(SlotPlan, TooLittleIsRefusedWithTheNumbers) {
  const auto plan = PlanSlots(MixedDirectory(), 14 * 4096 - 1);
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(plan.status().message().find("57343 bytes: the model's 30 experts need 409600"), std::string::npos)
      << plan.status();
  EXPECT_NE(plan.status().message().find("at least 57344"), std::string::npos);
  // One expert in each layer is all that there is to hold.
  EXPECT_EQ(PlanSlots(MixedDirectory(1), 10 * 4096)->num_slots(), 3u);
}

TEST(SlotPlan, SlotsAreDividedAsThePlanDoes) {
  const ExpertDirectory directory = MixedDirectory();
  const SlotPlan most = *PlanSlots(directory, 70 * 4096);
  EXPECT_EQ(LeastSlotBytes(most.classes), 14u * 4096);
  EXPECT_EQ(DivideSlots(most.classes, 0), (std::vector<size_t>{2, 2}));
  EXPECT_EQ(DivideSlots(most.classes, 70 * 4096),
            (std::vector<size_t>{most.classes[0].num_slots, most.classes[1].num_slots}));
  for (uint64_t pages = 14; pages <= 70; ++pages) {
    const std::vector<size_t> counts = DivideSlots(most.classes, pages * 4096);
    EXPECT_LE(counts[0] * 3 + counts[1] * 4, pages);
    EXPECT_GE(counts[0] * 3 + counts[1] * 4 + 7, std::min(pages, most.num_bytes() / 4096));
    EXPECT_TRUE(counts[0] >= 2 && counts[1] >= 2);
  }
}

TEST(SlotPlan, EqualSlotsHoldAnyExpert) {
  const SlotPlan plan = PlanEqualSlots(MixedDirectory(), 7);
  EXPECT_EQ(plan.classes, (std::vector<SlotClass>{{4 * 4096, 7}}));
  EXPECT_EQ(plan.class_of, std::vector<size_t>(30, 0));
  EXPECT_EQ(PlanEqualSlots(MixedDirectory(), 70).num_slots(), 30u);
}

}  // namespace
}  // namespace foregate
