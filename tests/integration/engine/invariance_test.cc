// House contract 9.1, whole: the same request gives the same bits alone, in any batch, with any chunk size, with a
// prefix hit, after preemption, with any number of threads, with two expert slots, on every instruction set, and on a
// device that the host cannot read and that runs behind it.
#include <array>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "engine/model/load_model.h"
#include "engine/moe/eviction_policy.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"
#include "tests/fakes/faulting_device.h"
#include "tests/integration/engine/traffic.h"

namespace foregate {
namespace {

// Of the golden checkpoints.
int32_t VocabSize(const std::string& family) { return family.find("_pre_gate_") == std::string::npos ? 384 : 64; }

// Keys and values in f32.
int64_t KvBytesPerToken(const std::string& family) {
  if (family == "qwen3_moe_pre_gate_2") return 5 * 2 * 1 * 12 * 4;
  return 3 * 2 * 2 * (family == "qwen3_moe" ? 32 : 16) * 4;
}

struct BackendCase {
  std::string name;  // "scalar", "faulting", or an instruction set
  int num_threads = 1;
};

std::vector<BackendCase> BackendCases() {
  std::vector<BackendCase> cases = {{"scalar", 1}, {"faulting", 1}};
  for (const std::string& isa : SupportedIsas()) {
    for (const int threads : {1, 3}) cases.push_back({isa, threads});
  }
  return cases;
}

Backend MakeBackend(const BackendCase& backend) {
  if (backend.name == "scalar") return MakeRefBackend();
  if (backend.name == "faulting") return MakeFaultingBackend();
  auto made = MakeCpuBackend({.num_threads = backend.num_threads, .isa = backend.name});
  EXPECT_TRUE(made.ok()) << made.status();
  return std::move(made).value();
}

std::string ModelDir(const std::string& family) { return "tests/data/models/" + family; }

// One judgement per family and numeric contract, made once: alone, scalar, roomy.
struct Judged {
  std::vector<GenerationRequest> requests;
  std::vector<Outcome> outcomes;
};

const Judged& JudgedTraffic(const std::string& family, const Backend& backend) {
  static auto& cache = *new std::vector<std::pair<std::string, Judged>>();
  const std::string key = family + " " + backend.device->info().numeric_contract;
  for (const auto& [name, judged] : cache) {
    if (name == key) return judged;
  }
  Judged judged;
  judged.requests = RandomRequests(/*seed=*/20261122, VocabSize(family), /*count=*/16);
  judged.outcomes =
      RunAlone(ModelDir(family), RoomyVariant(), MakeRefBackendFor(backend.device->info()), judged.requests);
  cache.emplace_back(key, std::move(judged));
  return cache.back().second;
}

void ExpectSame(const std::vector<Outcome>& expected, const std::vector<Outcome>& actual) {
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NE(expected[i].transcript.find("sample 0"), std::string::npos) << "the judge got no sample: " << i;
    EXPECT_EQ(expected[i].transcript, actual[i].transcript) << "request " << i;
  }
}

class Invariance : public testing::TestWithParam<BackendCase> {};

TEST_P(Invariance, TogetherInSmallChunksEqualsAlone) {
  const Backend backend = MakeBackend(GetParam());
  for (const std::string family :
       {"qwen3_moe", "qwen3_moe_mixed", "qwen2_moe", "olmoe", "mixtral", "qwen3_moe_pre_gate_2", "olmoe_pre_gate_1"}) {
    SCOPED_TRACE(family);
    const Judged& judged = JudgedTraffic(family, backend);
    EngineVariant variant = RoomyVariant();
    variant.options.max_batch_tokens = 37;
    variant.options.prefill_chunk_tokens = 13;
    ExpectSame(judged.outcomes, RunTogether(ModelDir(family), variant, backend, judged.requests, /*seed=*/7));
  }
}

TEST_P(Invariance, PrefixHitsPreemptionAndTwoExpertSlotsChangeNothing) {
  const Backend backend = MakeBackend(GetParam());
  for (const std::string family : {"qwen3_moe", "qwen2_moe", "qwen3_moe_pre_gate_2"}) {
    SCOPED_TRACE(family);
    const Judged& judged = JudgedTraffic(family, backend);
    EngineVariant variant = RoomyVariant();
    variant.options.prefill_chunk_tokens = 29;
    variant.options.max_batch_tokens = 64;
    variant.options.kv_block_tokens = 5;
    variant.options.prefix_cache = true;
    variant.expert_memory.num_slots = 2;
    // Room for little more than one full sequence.
    variant.options.kv_bytes = KvBytesPerToken(family) * 160;
    const auto outcomes = RunTogether(ModelDir(family), variant, backend, judged.requests, /*seed=*/11);
    ExpectSame(judged.outcomes, outcomes);
    // The traffic must have met what it is about.
    int preemptions = 0;
    int cached = 0;
    for (const Outcome& outcome : outcomes) {
      preemptions += outcome.num_preemptions;
      cached += outcome.num_cached_tokens;
    }
    EXPECT_GT(preemptions, 0);
    EXPECT_GT(cached, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, Invariance, testing::ValuesIn(BackendCases()), [](const auto& test) {
  return test.param.name + "_" + std::to_string(test.param.num_threads) + "_threads";
});

// Experts on a real disk, in random amounts of memory from two slots up, which change while they are used or do not, in
// random batches and chunks, by one thread or three: no choice of these changes a bit.
TEST(ExpertsOnDisk, NoAmountOfMemoryChangesAToken) {
  const std::string cache = testing::TempDir() + "/experts_on_disk";
  std::filesystem::create_directories(cache);
  std::mt19937 random(20261123);
  const auto between = [&](int least, int most) { return least + static_cast<int>(random() % (most - least + 1)); };
  int num_runs = 0;
  for (const std::string family : {"qwen3_moe", "olmoe", "qwen3_moe_pre_gate_2", "olmoe_pre_gate_1"}) {
    for (const int threads : {1, 3}) {
      auto backend = MakeCpuBackend({.num_threads = threads, .isa = ""});
      ASSERT_TRUE(backend.ok()) << backend.status();
      const Judged& judged = JudgedTraffic(family, *backend);
      EngineVariant variant = RoomyVariant();
      variant.cache_directory = cache;
      const auto plan = PlanModel({.directory = ModelDir(family)});
      ASSERT_TRUE(plan.ok()) << plan.status();
      const auto all_bytes = static_cast<int>(plan->memory.all_expert_bytes);
      const int num_experts = plan->memory.num_experts;
      const int two_slots = all_bytes / num_experts * 2;
      for (const int bytes : {two_slots, between(two_slots, all_bytes / 2), between(all_bytes / 2, all_bytes - 1)}) {
        variant.expert_memory.num_bytes = static_cast<uint64_t>(bytes);
        const auto planned = PlanModel({.directory = ModelDir(family), .expert_memory = variant.expert_memory});
        ASSERT_TRUE(planned.ok() && planned->reads_container);
        constexpr std::array<std::optional<GuessSource>, 4> kPrefetch = {std::nullopt, GuessSource::kNone,
                                                                         GuessSource::kRouter, GuessSource::kPredictor};
        const int prefetch = between(0, 3);
        variant.prefetch = kPrefetch[static_cast<size_t>(prefetch)];
        const NamedEvictionPolicy eviction = EvictionPolicies()[static_cast<size_t>(between(0, 2))];
        variant.expert_memory.eviction = eviction.policy;
        variant.has_memory_pressure = num_runs % 2 == 1;
        variant.options.max_batch_tokens = between(8, 64);
        variant.options.prefill_chunk_tokens = between(3, variant.options.max_batch_tokens);
        variant.options.expert_affinity_steps = between(0, 4);
        SCOPED_TRACE(family + ": " + std::to_string(bytes) + " of " + std::to_string(all_bytes) + " bytes, " +
                     std::to_string(threads) + " threads, steps of " +
                     std::to_string(variant.options.max_batch_tokens) + " rows, prefetch " + std::to_string(prefetch) +
                     ", " + std::string(eviction.name));
        ExpectSame(judged.outcomes, RunTogether(ModelDir(family), variant, *backend, judged.requests, random()));
        ++num_runs;
      }
    }
  }
  EXPECT_EQ(num_runs, 24);
  std::filesystem::remove_all(cache);
}

// Every seed is another traffic; a bug that needs luck gets some.
TEST(InvarianceSeeds, ManyTrafficsOnTheBestPath) {
  auto backend = MakeCpuBackend({.num_threads = 2, .isa = ""});
  ASSERT_TRUE(backend.ok()) << backend.status();
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    const auto requests = RandomRequests(seed, VocabSize("olmoe"), /*count=*/16);
    EngineVariant variant = RoomyVariant();
    variant.kv_dtype = seed % 2 == 0 ? DType::kBf16 : DType::kF32;
    const auto alone = RunAlone(ModelDir("olmoe"), variant, *backend, requests);
    variant.options.max_batch_tokens = 16 + static_cast<int32_t>(seed) * 9;
    variant.options.prefill_chunk_tokens = 3 + static_cast<int32_t>(seed) * 4;
    variant.options.kv_block_tokens = 1 + static_cast<int32_t>(seed) * 3;
    variant.options.prefix_cache = seed % 2 == 0;
    variant.options.max_itl_stretch_percent = seed % 3 == 0 ? 0 : 120 + 20 * static_cast<int32_t>(seed);
    ExpectSame(alone, RunTogether(ModelDir("olmoe"), variant, *backend, requests, seed));
  }
}

}  // namespace
}  // namespace foregate
