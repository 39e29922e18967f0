// Models whose weights are quantized while loading: the promises that hold for stored weights hold for them.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/model/decoder_harness.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

using Rows = std::vector<std::vector<float>>;

constexpr const char* kModel = "tests/data/models/qwen3_moe";

std::vector<int32_t> Tokens(int seed, int count) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((seed * 131 + i * i * 17 + i * 29) % 384);
  return tokens;
}

Rows LogitsOf(const Backend& backend, const std::string& rules, size_t num_expert_slots,
              const std::vector<int32_t>& tokens, size_t chunk) {
  LoadOptions options{.directory = kModel, .weights = *WeightRules::Parse(rules, "rules")};
  options.expert_memory.num_slots = num_expert_slots;
  return DecoderHarness(options, backend).RunInChunks(0, tokens, chunk);
}

// Mean over rows of the divergence from `wanted`'s distribution of the next token to `actual`'s.
double Divergence(const Rows& wanted, const Rows& actual) {
  double sum = 0;
  for (size_t row = 0; row < wanted.size(); ++row) {
    double wanted_total = 0, actual_total = 0;
    for (size_t v = 0; v < wanted[row].size(); ++v) {
      wanted_total += std::exp(static_cast<double>(wanted[row][v]));
      actual_total += std::exp(static_cast<double>(actual[row][v]));
    }
    for (size_t v = 0; v < wanted[row].size(); ++v) {
      const double p = std::exp(static_cast<double>(wanted[row][v])) / wanted_total;
      const double q = std::exp(static_cast<double>(actual[row][v])) / actual_total;
      sum += p * std::log(p / q);
    }
  }
  return sum / static_cast<double>(wanted.size());
}

struct FormatCase {
  const char* name;
  const char* rules;
  double most_divergence;  // from the stored weights, with room above what was measured
};

class WeightFormats : public testing::TestWithParam<FormatCase> {};

TEST_P(WeightFormats, ChunksWavesAndThreadsGiveTheBitsOfTheReference) {
  CpuBackendOptions options;
  options.num_threads = 3;
  const absl::StatusOr<Backend> cpu = MakeCpuBackend(options);
  ASSERT_TRUE(cpu.ok());
  const Backend reference = MakeRefBackendFor(cpu->device->info());
  const std::vector<int32_t> tokens = Tokens(1, 21);
  const Rows whole = LogitsOf(reference, GetParam().rules, 0, tokens, tokens.size());
  EXPECT_EQ(LogitsOf(reference, GetParam().rules, 2, tokens, 1), whole);
  EXPECT_EQ(LogitsOf(*cpu, GetParam().rules, 0, tokens, tokens.size()), whole);
  EXPECT_EQ(LogitsOf(*cpu, GetParam().rules, 2, tokens, 5), whole);
}

TEST_P(WeightFormats, StayNearTheStoredWeights) {
  const std::vector<int32_t> tokens = Tokens(2, 24);
  const Rows stored = LogitsOf(MakeRefBackend(), "", 0, tokens, tokens.size());
  const double divergence = Divergence(stored, LogitsOf(MakeRefBackend(), GetParam().rules, 0, tokens, tokens.size()));
  RecordProperty("divergence", std::to_string(divergence));
  EXPECT_GT(divergence, 0) << "nothing was quantized";
  EXPECT_LT(divergence, GetParam().most_divergence);
}

INSTANTIATE_TEST_SUITE_P(
    All, WeightFormats,
    testing::Values(FormatCase{"int8", "*.mlp.gate.weight stored\n* int8\n", 0.01},
                    FormatCase{"int8_g32", "*.mlp.gate.weight stored\n* int8-g32\n", 0.01},
                    FormatCase{"int4", "*.mlp.gate.weight stored\n* int4\n", 0.5},
                    FormatCase{"int4_g32", "*.mlp.gate.weight stored\n* int4-g32\n", 0.3},
                    FormatCase{"mixed", "*.mlp.gate.weight f32\n*.down_proj.* int8-g32\n*.experts.* int4\n* int8\n",
                               0.5}),
    [](const auto& test) { return std::string(test.param.name); });

// Blocks of GGUF that a format holds exactly are computed as they are; only the activations are rounded, which f32
// weights show.
TEST(GgufFormats, QuantizedBlocksAreKept) {
  std::vector<int32_t> tokens = Tokens(3, 24);
  for (int32_t& token : tokens) token %= 48;
  for (const char* file : {"olmoe_q8_0", "olmoe_q4_0", "block_mix"}) {
    const std::string path = std::string("tests/data/gguf/") + file + ".gguf";
    const auto logits = [&](const std::string& rules) {
      LoadOptions options{.directory = path, .weights = *WeightRules::Parse(rules, "rules")};
      return DecoderHarness(options, MakeRefBackend()).RunInChunks(0, tokens, tokens.size());
    };
    const Rows kept = logits("");
    const double divergence = Divergence(logits("* f32\n"), kept);
    EXPECT_GT(divergence, 0) << file;
    EXPECT_LT(divergence, 2e-3) << file;
    const auto plan = PlanModel({.directory = path});
    const auto widened = PlanModel({.directory = path, .weights = *WeightRules::ForAll("f32")});
    ASSERT_TRUE(plan.ok() && widened.ok());
    // Projections this small fill less than the page that each takes.
    EXPECT_LE(2 * plan->memory.expert_bytes, widened->memory.expert_bytes) << file;
  }
}

// One matrix in each format of blocks (tools/goldens/gguf_block_mix.py).
TEST(GgufFormats, BlocksGiveTheSameBitsWhateverComputesAndHoldsThem) {
  LoadOptions options{.directory = "tests/data/gguf/block_mix.gguf"};
  const auto plan = PlanModel(options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->weights_format, "mixed");
  std::vector<int32_t> tokens = Tokens(4, 21);
  for (int32_t& token : tokens) token %= 48;
  const absl::StatusOr<Backend> cpu = MakeCpuBackend({.num_threads = 3, .isa = ""});
  ASSERT_TRUE(cpu.ok());
  const Backend reference = MakeRefBackendFor(cpu->device->info());
  const Rows whole = DecoderHarness(options, reference).RunInChunks(0, tokens, tokens.size());
  EXPECT_EQ(DecoderHarness(options, *cpu).RunInChunks(0, tokens, 5), whole);
  options.expert_memory.num_slots = 2;
  EXPECT_EQ(DecoderHarness(options, *cpu).RunInChunks(0, tokens, tokens.size()), whole);
  // Packed the first time, then from the container, of which a notice would tell the loss.
  options.cache_directory = testing::TempDir();
  options.notice = [](const std::string& notice) { FAIL() << notice; };
  for (int run = 0; run < 2; ++run) {
    EXPECT_EQ(DecoderHarness(options, *cpu).RunInChunks(0, tokens, tokens.size()), whole) << "run " << run;
  }
}

TEST(WeightFormatErrors, ExpertsOfALayerMustAgree) {
  for (const char* rules : {"*.experts.0.gate_proj.weight int8\n", "*.layers.1.*.up_proj.weight int4\n",
                            "*.experts.3.down_proj.weight int4\n"}) {
    const auto plan = PlanModel({.directory = kModel, .weights = *WeightRules::Parse(rules, "rules")});
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << rules;
    EXPECT_NE(plan.status().message().find("must have one format"), std::string::npos) << plan.status();
  }
}

}  // namespace
}  // namespace foregate
