#include "engine/model/weight_rules.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

constexpr const char* kExpert = "model.layers.3.mlp.experts.17.gate_proj.weight";
constexpr const char* kRouter = "model.layers.3.mlp.gate.weight";
constexpr const char* kQuery = "model.layers.3.self_attn.q_proj.weight";

TEST(WeightRulesTest, NothingSaidMeansAsStored) {
  EXPECT_EQ(WeightRules().FormatOf(kExpert, WeightFormat::kF16), WeightFormat::kF16);
  EXPECT_EQ(WeightRules::ForAll("")->FormatOf(kExpert, WeightFormat::kBf16), WeightFormat::kBf16);
  EXPECT_EQ(WeightRules::ForAll("stored")->FormatOf(kExpert, WeightFormat::kF32), WeightFormat::kF32);
}

TEST(WeightRulesTest, OneFormatForAllSparesRoutersAndHeads) {
  const auto int4 = WeightRules::ForAll("int4");
  ASSERT_TRUE(int4.ok());
  EXPECT_EQ(int4->FormatOf(kExpert, WeightFormat::kBf16), WeightFormat::kInt4G128);
  EXPECT_EQ(int4->FormatOf(kQuery, WeightFormat::kBf16), WeightFormat::kInt4G128);
  EXPECT_EQ(int4->FormatOf(kRouter, WeightFormat::kBf16), WeightFormat::kBf16);
  EXPECT_EQ(int4->FormatOf("model.layers.0.block_sparse_moe.gate.weight", WeightFormat::kF32), WeightFormat::kF32);
  EXPECT_EQ(int4->FormatOf("model.layers.3.mlp.pre_gate.weight", WeightFormat::kBf16), WeightFormat::kBf16);
  EXPECT_EQ(int4->FormatOf("lm_head.weight", WeightFormat::kBf16), WeightFormat::kInt8);
  EXPECT_EQ(WeightRules::ForAll("int8")->FormatOf("lm_head.weight", WeightFormat::kBf16), WeightFormat::kInt8);
  EXPECT_EQ(WeightRules::ForAll("bf16")->FormatOf("lm_head.weight", WeightFormat::kF32), WeightFormat::kBf16);
}

TEST(WeightRulesTest, TheFirstMatchDecides) {
  const auto rules = WeightRules::Parse(
      "# attention 8 bits, experts 4\n"
      "*.self_attn.q*  stored\n"
      "*.self_attn.* int8\t# comment\n\n"
      "*experts*gate_proj.weight int4-g32\r\n"
      "model.layers.3.*.weight int8-g32\n",
      "rules.txt");
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(rules->FormatOf(kQuery, WeightFormat::kBf16), WeightFormat::kBf16);
  EXPECT_EQ(rules->FormatOf("model.layers.3.self_attn.k_proj.weight", WeightFormat::kBf16), WeightFormat::kInt8);
  EXPECT_EQ(rules->FormatOf(kExpert, WeightFormat::kBf16), WeightFormat::kInt4G32);
  EXPECT_EQ(rules->FormatOf(kRouter, WeightFormat::kBf16), WeightFormat::kInt8G32);
  EXPECT_EQ(rules->FormatOf("lm_head.weight", WeightFormat::kF16), WeightFormat::kF16);
}

TEST(WeightRulesTest, ErrorsNameFileLineAndFormat) {
  EXPECT_EQ(
      WeightRules::Parse("* int8\n* int3\n", "r.txt").status().message(),
      "r.txt:2: \"int3\" is not a weight format; want one of stored, f32, bf16, f16, int8, int8-g32, int4, int4-g32");
  EXPECT_EQ(WeightRules::Parse("a b c", "r.txt").status().message(), "r.txt:1: want PATTERN FORMAT");
  EXPECT_EQ(WeightRules::ForAll("q4").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(WeightRulesTest, BlockFormatsOfGgufAreKeptAndNeverMade) {
  EXPECT_EQ(
      WeightRules::Parse("* stored\n* q4_k\n", "r.txt").status().message(),
      "r.txt:2: \"q4_k\" is a format of GGUF files, to which weights are not quantized here; matrices that a file "
      "stores so are kept with \"stored\"");
  EXPECT_EQ(WeightRules::ForAll("mxfp4").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WeightRules().FormatOf("lm_head.weight", WeightFormat::kQ6K), WeightFormat::kQ6K);
}

}  // namespace
}  // namespace foregate
