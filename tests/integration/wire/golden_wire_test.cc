// Golden parity through the wire: foregated on the tiny checkpoints, asked over gRPC, against what transformers
// computed.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "client/client.h"
#include "gtest/gtest.h"
#include "tests/goldens/expected_outputs.h"
#include "tests/integration/ops/daemon_process.h"

namespace foregate {
namespace {

constexpr int kAlternatives = 20;

std::vector<double> LogSoftmax(const std::vector<float>& logits) {
  const double maximum = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - maximum);
  std::vector<double> out;
  for (const float logit : logits) out.push_back(static_cast<double>(logit) - maximum - std::log(sum));
  return out;
}

// The reference multiplies f32 activations. The paths that round them to bf16 (docs/adr/0017) are judged bit by bit by
// the conformance tests; here the best path that does not is asked for.
std::vector<std::string> DaemonFlags(const std::string& model) {
  std::vector<std::string> flags = {"--model", model, "--engine.prefill_chunk_tokens", "32", "--engine.kv_block_tokens",
                                    "8"};
  if (__builtin_cpu_supports("avx512bf16")) flags.insert(flags.end(), {"--compute.isa", "avx512vnni"});
  return flags;
}

class GoldenWire : public testing::TestWithParam<const char*> {
 protected:
  GoldenWire() : expected_(GetParam()), daemon_(DaemonFlags(expected_.directory())) {}

  void SetUp() override {
    ASSERT_TRUE(daemon_.WaitUntilListening()) << daemon_.ReadLog();
    ClientOptions options;
    options.address = daemon_.data_address();
    options.timeout = std::chrono::seconds(60);
    options.retry_budget = std::chrono::seconds(60);
    auto client = Client::Connect(options);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    discovery::v1::GetModelRequest request;
    const auto model = client_->GetModel(request);
    ASSERT_TRUE(model.ok()) << model.status();
    num_layers_ = model->architecture().num_layers();
    top_k_ = model->architecture().experts_per_token();
  }

  inference::v1::GenerateResponse Greedy(size_t prompt, int32_t max_tokens) {
    inference::v1::GenerateRequest request;
    for (const int32_t id : expected_.prompt(prompt)) request.mutable_token_ids()->add_ids(id);
    auto& options = *request.mutable_options();
    options.mutable_sampling()->set_temperature(0);
    options.mutable_stop()->set_max_tokens(max_tokens);
    options.mutable_stop()->set_ignore_eos(true);
    options.mutable_output()->set_logprobs(kAlternatives);
    options.mutable_output()->set_prompt_logprobs(kAlternatives);
    options.mutable_output()->set_expert_stats(true);
    auto response = client_->Generate(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : inference::v1::GenerateResponse();
  }

  // Of a log-probability: one logit, and the logarithm of a sum of all, each within the tolerance of a logit; and the
  // rounding of the reply to f32.
  double Tolerance(const std::vector<float>& logits) const {
    return 2.0 * GoldenTolerance(RowScale(logits), num_layers_) + 1e-5;
  }

  void Compare(const inference::v1::TokenLogprobs& actual, const std::vector<float>& logits, const std::string& where) {
    const std::vector<double> wanted = LogSoftmax(logits);
    const double tolerance = Tolerance(logits);
    ASSERT_TRUE(actual.has_logprob()) << where;
    const auto compare = [&](const inference::v1::TokenLogprob& token) {
      EXPECT_NEAR(token.logprob(), wanted[static_cast<size_t>(token.token_id())], tolerance) << where;
    };
    compare(actual.token());
    ASSERT_EQ(actual.top_size(), kAlternatives) << where;
    std::vector<double> sorted = wanted;
    std::sort(sorted.rbegin(), sorted.rend());
    for (int i = 0; i < actual.top_size(); ++i) {
      compare(actual.top(i));
      EXPECT_NEAR(actual.top(i).logprob(), sorted[static_cast<size_t>(i)], tolerance) << where << " alternative " << i;
    }
  }

  ExpectedOutputs expected_;
  DaemonProcess daemon_;
  std::unique_ptr<Client> client_;
  int num_layers_ = 0;
  int top_k_ = 0;
};

TEST_P(GoldenWire, LogprobsTokensAndExpertsEqualTheReference) {
  size_t num_compared = 0;
  for (size_t i = 0; i < expected_.num_prompts(); ++i) {
    const std::vector<int32_t> prompt = expected_.prompt(i);
    const std::vector<int32_t> greedy = expected_.greedy(i);
    const LogitRows logits = expected_.logits(i);
    const auto reply = Greedy(i, static_cast<int32_t>(greedy.size()));
    ASSERT_EQ(reply.samples_size(), 1);
    ASSERT_EQ(reply.prompt_logprobs_size(), static_cast<int>(prompt.size()));
    EXPECT_FALSE(reply.prompt_logprobs(0).has_logprob());

    std::vector<int32_t> moe_layers;
    for (const auto& layer : reply.summary().experts()) moe_layers.push_back(layer.layer());
    const size_t num_rows = expected_.num_rows_without_tie(i, moe_layers, num_layers_);
    for (size_t row = 0; row < num_rows; ++row) {
      const std::string where = "prompt " + std::to_string(i) + " row " + std::to_string(row);
      if (row + 1 < prompt.size()) {
        ASSERT_EQ(reply.prompt_logprobs(static_cast<int>(row) + 1).token().token_id(), prompt[row + 1]);
        Compare(reply.prompt_logprobs(static_cast<int>(row) + 1), logits[row], where);
      } else {
        Compare(reply.samples(0).logprobs(0), logits[row], where + " (generated)");
      }
      ++num_compared;
    }

    const std::vector<double> margin = expected_.greedy_margin(i);
    size_t num_safe = 0;
    while (num_safe < greedy.size() && margin[num_safe] > 2 * Tolerance(logits.back())) ++num_safe;
    EXPECT_GE(num_safe, 5u);
    for (size_t t = 0; t < num_safe; ++t)
      ASSERT_EQ(reply.samples(0).token_ids(static_cast<int>(t)), greedy[t]) << "prompt " << i << " token " << t;
  }
  EXPECT_GE(num_compared, 100u);  // of 131: ties are rare
}

TEST_P(GoldenWire, ExpertCountsOfAPromptEqualTheReference) {
  size_t num_compared = 0;
  for (size_t i = 0; i < expected_.num_prompts(); ++i) {
    const auto reply = Greedy(i, /*max_tokens=*/1);
    std::vector<int32_t> moe_layers;
    for (const auto& layer : reply.summary().experts()) moe_layers.push_back(layer.layer());
    ASSERT_FALSE(moe_layers.empty());
    if (expected_.num_rows_without_tie(i, moe_layers, num_layers_) < expected_.prompt(i).size()) continue;
    for (const auto& layer : reply.summary().experts()) {
      std::vector<uint64_t> wanted(static_cast<size_t>(layer.counts_size()), 0);
      for (const auto& row : expected_.router_ids(i, layer.layer())) {
        EXPECT_EQ(row.size(), static_cast<size_t>(top_k_));
        for (const int32_t expert : row) ++wanted[static_cast<size_t>(expert)];
      }
      EXPECT_EQ(std::vector<uint64_t>(layer.counts().begin(), layer.counts().end()), wanted)
          << "prompt " << i << " layer " << layer.layer();
    }
    ++num_compared;
  }
  EXPECT_GE(num_compared, 3u);  // of 4
}

INSTANTIATE_TEST_SUITE_P(FirstWave, GoldenWire,
                         testing::Values("qwen3_moe", "qwen3_moe_mixed", "qwen2_moe", "olmoe", "mixtral"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace foregate
