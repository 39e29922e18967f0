#include "tests/bench/routing_source.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/moe/trace/route_trace_writer.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/bench/routed_kernels.h"

namespace foregate {
namespace {

constexpr RoutedModel kModel = {.num_layers = 3, .num_experts = 8, .top_k = 2};

// Row r of step s chooses (s + r + layer) % 8 and the one behind it.
std::string WriteTrace(int32_t num_layers, uint64_t num_steps) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/t.fgr";
  TraceHeader header = {.source = "test", .layers = {}, .num_experts = 8, .top_k = 2};
  for (int32_t layer = 0; layer < num_layers; ++layer) header.layers.push_back({.layer = layer, .expert_bytes = 64});
  std::ofstream file(path, std::ios::binary);
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file << bytes;
    return absl::OkStatus();
  });
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (uint64_t step = 0; step < num_steps; ++step) {
    for (int32_t layer = 0; layer < num_layers; ++layer) {
      const auto first = static_cast<int32_t>((step + static_cast<uint64_t>(layer)) % 8);
      EXPECT_TRUE(writer
                      ->Write({.step = step,
                               .layer_index = layer,
                               .rows = {{.request = 0, .position = static_cast<int32_t>(step)}},
                               .experts = {first, (first + 1) % 8},
                               .weights = {}})
                      .ok());
    }
  }
  EXPECT_TRUE(writer->Finish().ok());
  return path;
}

TEST(EvenRoutingTest, ChoosesDistinctExpertsAllAlike) {
  const auto routing = MakeEvenRouting(kModel, 1);
  std::vector<int> counts(8);
  for (uint64_t step = 0; step < 4000; ++step) {
    std::vector<int32_t> experts(2);
    routing->Choose(step, 1, step % 3, 3, experts);
    ASSERT_NE(experts[0], experts[1]);
    for (const int32_t expert : experts) ++counts.at(static_cast<size_t>(expert));
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 120);
}

TEST(TracedRoutingTest, RowsGoOnFromTheirPlacesAndBeginAnew) {
  const auto routing = ReadRoutingTrace(kModel, WriteTrace(4, 10));
  ASSERT_TRUE(routing.ok()) << routing.status();
  std::vector<int32_t> experts(2);
  (*routing)->Choose(3, 2, 0, 2, experts);
  EXPECT_EQ(experts, (std::vector<int32_t>{5, 6}));
  (*routing)->Choose(3, 0, 1, 2, experts);  // token 5 + 3
  EXPECT_EQ(experts, (std::vector<int32_t>{0, 1}));
  (*routing)->Choose(12, 0, 0, 2, experts);  // token 2
  EXPECT_EQ(experts, (std::vector<int32_t>{2, 3}));
}

TEST(TracedRoutingTest, NamesShapesThatDiffer) {
  const std::string path = WriteTrace(2, 4);
  const absl::Status status = ReadRoutingTrace(kModel, path).status();
  EXPECT_EQ(status.message(), path + " has 2 layers with 2 of 8 experts, the model 3 layers with 2 of 8 experts");
  EXPECT_EQ(ReadRoutingTrace(kModel, path + "x").status().code(), absl::StatusCode::kNotFound);
}

TEST(GuessTest, IsRightAsOftenAsAsked) {
  int num_right = 0;
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    const std::vector<int32_t> truth = {static_cast<int32_t>(seed % 8), static_cast<int32_t>((seed + 3) % 8)};
    std::vector<int32_t> guess(4);
    GuessWithAccuracy(truth, 8, 0.8, seed, guess);
    ASSERT_EQ(std::set<int32_t>(guess.begin(), guess.end()).size(), 4u);
    for (const int32_t id : truth) num_right += static_cast<int>(std::count(guess.begin(), guess.end(), id));
  }
  EXPECT_NEAR(num_right, 8000, 200);
}

TEST(GuessTest, WrongGuessesWantExpertsThatWereNotChosen) {
  EXPECT_TRUE(HasEnoughExperts(2, 4, 6, 0.5));
  EXPECT_FALSE(HasEnoughExperts(2, 4, 5, 0.5));
  EXPECT_TRUE(HasEnoughExperts(2, 4, 4, 1));
  EXPECT_FALSE(HasEnoughExperts(2, 5, 4, 1));
  std::vector<int32_t> guess(4);
  GuessWithAccuracy(std::vector<int32_t>{0, 1}, 6, 0, 1, guess);
  EXPECT_EQ(std::set<int32_t>(guess.begin(), guess.end()), (std::set<int32_t>{2, 3, 4, 5}));
}

// Layer and ranks of each choice that a decoder makes in a step, and the experts that it gets.
class RoutedKernelsTest : public testing::Test {
 protected:
  void Open(const RoutedOptions& options) {
    routing_ = *ReadRoutingTrace(kModel, WriteTrace(3, 10));
    backend_ = *MakeCpuBackend({.num_threads = 1, .isa = ""});
    stream_ = backend_.device->NewStream();
    kernels_ = MakeRoutedKernels(std::move(backend_.kernels), options, routing_.get());
  }
  std::vector<int32_t> Choose(int32_t num_ranks) {
    std::vector<float> logits(8);
    std::vector<float> weights(static_cast<size_t>(num_ranks));
    std::vector<int32_t> ids(static_cast<size_t>(num_ranks));
    EXPECT_TRUE(kernels_
                    ->TopKRouter({.logits = TensorView(logits.data(), DType::kF32, {1, 8}),
                                  .expert_ids = TensorView(ids.data(), DType::kI32, {1, num_ranks}),
                                  .weights = TensorView(weights.data(), DType::kF32, {1, num_ranks})},
                                 *stream_)
                    .ok());
    return ids;
  }

  std::unique_ptr<RoutingSource> routing_;
  Backend backend_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Kernels> kernels_;
};

using Ids = std::vector<int32_t>;

TEST_F(RoutedKernelsTest, AGuessIsForTheLayerBehindTheOneThatRoutesNext) {
  Open({.model = kModel});
  for (int32_t step = 0; step < 2; ++step) {
    for (int32_t layer = 0; layer < 3; ++layer) {
      if (layer < 2) {
        Ids guess = Choose(4);
        guess.resize(2);
        EXPECT_EQ(guess, (Ids{step + layer + 1, step + layer + 2}));
      }
      EXPECT_EQ(Choose(2), (Ids{step + layer, step + layer + 1}));
    }
  }
}

TEST_F(RoutedKernelsTest, PreGatesChooseForLayersAhead) {
  Open({.model = kModel, .pre_gate_distance = 2});
  for (int32_t step = 0; step < 2; ++step) {
    for (const int32_t layer : {2, 0, 1}) EXPECT_EQ(Choose(2), (Ids{step + layer, step + layer + 1}));
  }
}

}  // namespace
}  // namespace foregate
