// A row's result depends on that row alone; steps can be interrupted; limits are errors with numbers.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model/decoder_harness.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {
namespace {

using Rows = std::vector<std::vector<float>>;

std::string Directory(const std::string& family) { return "tests/data/models/" + family; }

std::vector<int32_t> Tokens(int seed, int count) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((seed * 131 + i * i * 17 + i * 29) % 384);
  return tokens;
}

std::vector<int32_t> Folded(std::vector<int32_t> tokens, int32_t vocab_size) {
  for (int32_t& token : tokens) token %= vocab_size;
  return tokens;
}

double LogProbability(const std::vector<float>& logits, int32_t token) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return static_cast<double>(logits[static_cast<size_t>(token)]) - std::log(sum);
}

class DecoderInvariance : public testing::TestWithParam<const char*> {
 protected:
  DecoderInvariance() : backend_(MakeRefBackend()), harness_({.directory = Directory(GetParam())}, backend_) {}
  std::vector<int32_t> Tokens(int seed, int count) {
    return Folded(foregate::Tokens(seed, count), harness_.decoder().info().vocab_size);
  }
  Backend backend_;
  DecoderHarness harness_;
};

TEST_P(DecoderInvariance, ChunksAndDecodeGiveTheBitsOfTheWholePrompt) {
  const std::vector<int32_t> tokens = Tokens(1, 37);
  const Rows whole = harness_.Run({{0, tokens}}).logits;
  EXPECT_EQ(harness_.RunInChunks(1, tokens, 7), whole);
  EXPECT_EQ(harness_.RunInChunks(2, tokens, 1), whole);
}

TEST_P(DecoderInvariance, Bf16KeysAndValuesRoundAndChangeNothingElse) {
  DecoderHarness narrow({.directory = Directory(GetParam()), .kv_dtype = DType::kBf16}, backend_);
  ASSERT_EQ(narrow.decoder().kv_layouts()[0].bytes_per_token() * 2,
            harness_.decoder().kv_layouts()[0].bytes_per_token());
  EXPECT_NE(narrow.decoder().info().identity[0], harness_.decoder().info().identity[0]);
  const std::vector<int32_t> tokens = Tokens(1, 37);
  const Rows rounded = narrow.Run({{0, tokens}}).logits;
  EXPECT_EQ(narrow.RunInChunks(1, tokens, 7), rounded);
  EXPECT_EQ(narrow.RunInChunks(2, tokens, 1), rounded);
  const Rows exact = harness_.Run({{0, tokens}}).logits;
  EXPECT_NE(exact, rounded);
  double error = 0, norm = 0;
  for (size_t row = 0; row < exact.size(); ++row) {
    for (size_t i = 0; i < exact[row].size(); ++i) {
      error += std::pow(static_cast<double>(exact[row][i]) - static_cast<double>(rounded[row][i]), 2);
      norm += std::pow(static_cast<double>(exact[row][i]), 2);
    }
  }
  // bf16 has 8 bits. Random routers turn some rounding errors into another expert, hence the room.
  EXPECT_LT(std::sqrt(error / norm), 0.1);
}

TEST_P(DecoderInvariance, CompanyInTheBatchDoesNotChangeBits) {
  const std::vector<int32_t> a = Tokens(2, 19), b = Tokens(3, 5), c = Tokens(4, 33);
  Rows alone;
  for (const auto& [id, tokens] : {std::pair(0, a), std::pair(1, b), std::pair(2, c)}) {
    for (std::vector<float>& row : harness_.Run({{id, tokens}}).logits) alone.push_back(std::move(row));
  }
  harness_.Reset();
  EXPECT_EQ(harness_.Run({{0, a}, {1, b}, {2, c}}).logits, alone);
}

TEST_P(DecoderInvariance, DroppedSequencesLeaveTheOthersBitsAlone) {
  const std::vector<int32_t> a = Tokens(5, 9), b = Tokens(6, 12), c = Tokens(7, 4);
  const Rows all = harness_.Run({{0, a}, {1, b}, {2, c}}).logits;
  harness_.Reset();
  ScriptedControl control;
  control.DropAt(1, 1);
  control.DropAt(3, 0);
  const auto result = harness_.Run({{0, a}, {1, b}, {2, c}}, control);
  EXPECT_EQ(control.num_polls(), harness_.decoder().info().num_layers + 1);
  EXPECT_EQ(result.dropped, (std::vector<uint8_t>{1, 1, 0}));
  for (size_t row = 0; row < all.size(); ++row) {
    if (row < 21)
      EXPECT_TRUE(result.logits[row].empty());
    else
      EXPECT_EQ(result.logits[row], all[row]) << row;
  }
  for (const DecoderHarness::Routing& routing : result.routing)
    EXPECT_EQ(routing.rows.size(), routing.layer < 1 ? 25u : routing.layer < 3 ? 13u : 4u) << routing.layer;
  // The survivor goes on as if nothing had been.
  const Rows next = harness_.Run({{2, {11}}}).logits;
  harness_.Reset();
  std::vector<int32_t> whole = c;
  whole.push_back(11);
  EXPECT_EQ(next.back(), harness_.Run({{0, whole}}).logits.back());
}

TEST_P(DecoderInvariance, StepWithoutSurvivorsEnds) {
  harness_.Run({{1, Tokens(7, 5)}});  // of another size: nothing of it may be left
  ScriptedControl control;
  control.DropAt(0, 0);
  const auto result = harness_.Run({{0, Tokens(8, 3)}}, control);
  EXPECT_EQ(result.dropped, (std::vector<uint8_t>{1}));
  EXPECT_TRUE(result.routing.empty());
}

TEST_P(DecoderInvariance, FewExpertSlotsGiveTheBitsOfAll) {
  const std::vector<int32_t> tokens = Tokens(9, 21);
  const Rows all = harness_.Run({{0, tokens}}).logits;
  for (const size_t num_slots : {2, 3}) {
    DecoderHarness few({.directory = Directory(GetParam()), .expert_memory = {.num_slots = num_slots}}, backend_);
    EXPECT_EQ(few.Run({{0, tokens}}).logits, all) << num_slots;
    EXPECT_EQ(few.decoder().info().identity[0], harness_.decoder().info().identity[0]);
    EXPECT_EQ(few.decoder().info().identity[1], harness_.decoder().info().identity[1]);
    EXPECT_EQ(few.decoder().info().dense_bytes, harness_.decoder().info().dense_bytes);
    EXPECT_GT(few.decoder().info().dense_bytes, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(FirstWave, DecoderInvariance,
                         testing::Values("qwen3_moe", "qwen3_moe_mixed", "qwen2_moe", "olmoe", "mixtral",
                                         "qwen3_moe_pre_gate_1", "qwen3_moe_pre_gate_2", "olmoe_pre_gate_1",
                                         "olmoe_pre_gate_2"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Decoder, RoutingNamesEveryRowAndLayer) {
  const Backend backend = MakeRefBackend();
  DecoderHarness harness({.directory = Directory("qwen3_moe_mixed")}, backend);
  EXPECT_EQ(harness.decoder().info().moe_layers, (std::vector<int32_t>{0, 2}));
  const auto routing = harness.Run({{0, Tokens(1, 5)}}).routing;
  ASSERT_EQ(routing.size(), 2u);
  EXPECT_EQ(routing[1].layer, 2);
  EXPECT_EQ(routing[1].rows, (std::vector<int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(routing[1].experts.size(), 20u);
  EXPECT_EQ(routing[1].weights.size(), 20u);
}

TEST(Decoder, LimitsAreErrorsWithNumbers) {
  const Backend backend = MakeRefBackend();
  auto decoder =
      LoadDecoder({.directory = Directory("qwen3_moe"), .max_batch_tokens = 2, .max_sequence_tokens = 8}, backend);
  ASSERT_TRUE(decoder.ok());
  EXPECT_EQ((*decoder)->info().max_positions, 8);
  const std::vector<KvLayerView> kv((*decoder)->kv_layouts().size());
  ScriptedControl control;
  const auto launch = [&](const Batch& batch) {
    return (*decoder)->Launch(batch, kv, 16, RankContext{}, control).status();
  };
  Batch batch{.token_ids = {1, 2, 3},
              .positions = {0, 1, 2},
              .slots = {0, 1, 2},
              .row_sequences = {0, 0, 0},
              .block_tables = {0},
              .num_sequences = 1,
              .max_blocks = 1,
              .logits_rows = {}};
  EXPECT_EQ(launch(batch).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(launch(batch).message().find("3 rows, limit 2"), std::string::npos);
  for (auto* column : {&batch.token_ids, &batch.positions, &batch.slots, &batch.row_sequences}) column->pop_back();
  batch.positions = {7, 8};
  EXPECT_EQ(launch(batch).code(), absl::StatusCode::kInvalidArgument);
  batch.positions = {0, 1};
  batch.token_ids[1] = 384;
  EXPECT_EQ(launch(batch).code(), absl::StatusCode::kInvalidArgument);
}

TEST(LoadModel, PlanStatesWhatLoadingTakes) {
  const auto plan = PlanModel({.directory = Directory("qwen3_moe"), .max_batch_tokens = 8});
  ASSERT_TRUE(plan.ok());
  // 2 planes of 2 heads of 32 f32 in 3 layers.
  EXPECT_EQ(plan->memory.kv_bytes_per_token, 2u * 2 * 32 * 4 * 3);
  // Gate, up and down of 48 x 64 bf16: 6144 bytes in two pages each.
  EXPECT_EQ(plan->memory.expert_bytes, 3u * 8 * 3 * 8192);
  EXPECT_EQ(plan->weights_format, "bf16");
  EXPECT_NE(plan->memory.ToString().find("1536 bytes per token"), std::string::npos);
  const auto few =
      PlanModel({.directory = Directory("qwen3_moe"), .max_batch_tokens = 8, .expert_memory = {.num_slots = 2}});
  EXPECT_EQ(few->memory.expert_store_bytes, plan->memory.expert_bytes);
}

TEST(LoadModel, ReportsProgressAndStopsWhenAsked) {
  const Backend backend = MakeRefBackend();
  uint64_t last = 0, total = 0;
  std::atomic<bool> cancelled = false;
  LoadOptions options{.directory = Directory("qwen2_moe")};
  options.progress = [&](uint64_t done_bytes, uint64_t total_bytes) {
    EXPECT_GE(done_bytes, last);
    last = done_bytes;
    total = total_bytes;
  };
  options.cancelled = &cancelled;
  const auto decoder = LoadDecoder(options, backend);
  ASSERT_TRUE(decoder.ok());
  EXPECT_EQ(last, total);
  EXPECT_EQ(total, 2 * (*decoder)->info().num_parameters);
  last = 0;
  cancelled = true;
  EXPECT_EQ(LoadDecoder(options, backend).status().code(), absl::StatusCode::kCancelled);
}

TEST(LoadModel, MissingDirectoryIsNamed) {
  const auto status = PlanModel({.directory = "no/such/model"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("no/such/model/config.json"), std::string::npos);
}

TEST(LoadModel, ConfigAndCheckpointMustAgree) {
  namespace fs = std::filesystem;
  const std::string source = Directory("qwen3_moe");
  const std::string directory = testing::TempDir() + "/load_model_" + std::to_string(::getpid());
  fs::create_directories(directory);
  fs::create_symlink(fs::absolute(source + "/model.safetensors"), directory + "/model.safetensors");
  std::ifstream file(source + "/config.json");
  nlohmann::json config = nlohmann::json::parse(file);
  const auto plan = [&](const nlohmann::json& changes) {
    nlohmann::json changed = config;
    changed.update(changes);
    std::ofstream(directory + "/config.json") << changed;
    return PlanModel({.directory = directory}).status();
  };
  EXPECT_TRUE(plan(nlohmann::json::object()).ok());
  EXPECT_NE(plan({{"num_experts", 9}}).message().find("mlp.gate.weight: shape [8, 64], the config demands [9, 64]"),
            std::string::npos);
  EXPECT_NE(plan({{"num_hidden_layers", 4}}).message().find("layers.3.input_layernorm.weight: missing"),
            std::string::npos);
  EXPECT_NE(plan({{"num_hidden_layers", 2}}).message().find("has no use for: model.layers.2."), std::string::npos);
  // An lm_head beside tied embeddings is what many exporters write.
  EXPECT_TRUE(plan({{"tie_word_embeddings", true}}).ok());
  // Pre-gates that the config does not ask for, and those that it misses.
  const std::string pre_gated = Directory("olmoe_pre_gate_2");
  fs::remove(directory + "/model.safetensors");
  fs::create_symlink(fs::absolute(pre_gated + "/model.safetensors"), directory + "/model.safetensors");
  std::ifstream pre_gated_file(pre_gated + "/config.json");
  config = nlohmann::json::parse(pre_gated_file);
  EXPECT_TRUE(plan(nlohmann::json::object()).ok());
  EXPECT_NE(plan({{"foregate_pre_gate", nullptr}})
                .message()
                .find("has 3 tensors that a olmoe of this config has no use for: model.layers.2.mlp.pre_gate.weight"),
            std::string::npos);
  EXPECT_NE(plan({{"foregate_pre_gate", {{"version", 1}, {"distance", 1}}}})
                .message()
                .find("tensor model.layers.1.mlp.pre_gate.weight: missing"),
            std::string::npos);
  fs::remove_all(directory);
}

class EmbeddedModel : public testing::TestWithParam<std::string> {};

TEST_P(EmbeddedModel, AnswersAsTransformersDoes) {
  const Backend backend = MakeRefBackend();
  DecoderHarness harness({.directory = GetParam()}, backend);
  std::ifstream file(GetParam() + "/expected.json");
  const nlohmann::json expected = nlohmann::json::parse(file);
  for (size_t i = 0; i < 3; ++i) {
    const nlohmann::json& conversation = expected.at("cases").at(i);
    const std::vector<int32_t> prompt = conversation.at("prompt_ids");
    const std::vector<int32_t> answer = conversation.at("greedy_ids");
    harness.Reset();
    const Rows logits = harness.Run({{0, prompt}}).logits;
    for (size_t t = 1; t < prompt.size(); ++t) {
      // The reference is f32 too and its file keeps five decimals.
      const double wanted = conversation.at("prompt_logprobs").at(t);
      EXPECT_NEAR(LogProbability(logits[t - 1], prompt[t]), wanted, 1e-4) << i << " token " << t;
    }
    EXPECT_EQ(harness.Generate(1, prompt, answer.size()), answer) << i;
  }
}

// The variants are overlays of the base (docs/overlay.md).
INSTANTIATE_TEST_SUITE_P(Variants, EmbeddedModel,
                         testing::Values("models/mini", "models/mini/pre_gate_1", "models/mini/pre_gate_2"),
                         [](const auto& directory) {
                           return std::filesystem::path(directory.param).filename().string();
                         });

}  // namespace
}  // namespace foregate
