// What text costs: encoding, and decoding token by token, with the tokenizers of tests/data. Run from the repository's
// root. Their vocabularies are small, so words make more tokens than with a published one:
// tests/differential/tokenizers has the comparison with Python's `tokenizers` over trained vocabularies.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "kernels/base/check.h"
#include "server/text/incremental_detokenizer.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer.h"

namespace foregate {
namespace {

constexpr const char* kKinds[] = {"qwen", "llama3", "o200k", "deepseek", "gpt2", "sp_bpe", "sp_metaspace"};

struct Bench {
  std::unique_ptr<const Tokenizer> tokenizer;
  std::string text;  // all the texts of the golden cases
  std::vector<TokenId> ids;
};

Bench LoadBench(const std::string& kind) {
  Bench bench;
  const std::string folder = "tests/data/tokenizers/" + kind;
  auto tokenizer = Tokenizer::Load(folder + "/tokenizer.json");
  FOREGATE_CHECK(tokenizer.ok());
  bench.tokenizer = *std::move(tokenizer);
  const auto file = ReadWholeFile(folder + "/cases.json", 16 << 20);
  FOREGATE_CHECK(file.ok());
  const auto json = ParseJsonText(*file, folder);
  FOREGATE_CHECK(json.ok());
  for (const auto& golden : (*json)["cases"]) bench.text += golden["text"].get<std::string>() + "\n";
  const auto ids = bench.tokenizer->Encode(bench.text, {});
  FOREGATE_CHECK(ids.ok());
  bench.ids = *ids;
  return bench;
}

void Encode(benchmark::State& state, const std::string& kind) {
  const Bench bench = LoadBench(kind);
  for (auto _ : state) benchmark::DoNotOptimize(bench.tokenizer->Encode(bench.text, {}));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bench.text.size()));
}

void Detokenize(benchmark::State& state, const std::string& kind) {
  const Bench bench = LoadBench(kind);
  for (auto _ : state) {
    IncrementalDetokenizer detokenizer(bench.tokenizer.get(), true);
    for (const TokenId id : bench.ids) benchmark::DoNotOptimize(detokenizer.Push(id));
    benchmark::DoNotOptimize(detokenizer.Finish());
  }
  state.counters["s_per_token"] = benchmark::Counter(static_cast<double>(state.iterations() * bench.ids.size()),
                                                     benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) {
  for (const char* kind : foregate::kKinds) {
    benchmark::RegisterBenchmark(("Encode/" + std::string(kind)).c_str(), foregate::Encode, kind);
    benchmark::RegisterBenchmark(("Detokenize/" + std::string(kind)).c_str(), foregate::Detokenize, kind);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
