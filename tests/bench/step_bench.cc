// What a step costs outside the forward pass: scheduling, sampling, publishing to the server's text pipelines, and the
// text threads' work, for streams that decode. The engine's own phase histograms give the figures, so a production
// server's foregate_step_phase_seconds says the same.
//
//   bazel run //tests/bench:step_bench -- [--model DIR] [--weights FORMAT] [--streams N] [--json FILE]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "kernels/cpu/cpu_backend.h"
#include "nlohmann/json.hpp"
#include "tests/integration/engine/served_streams.h"

namespace foregate {
namespace {

constexpr std::array<const char*, kNumStepPhases> kPhases = {"schedule", "forward", "sample", "publish"};
constexpr int kPromptTokens = 32;
constexpr int kWarmUpSteps = 16;

struct Flags {
  std::string model = "models/mini";
  std::string weights;
  std::string json_file;
  int streams = 16;
  int steps = 64;
  int repetitions = 7;
  double temperature = 0;
  int top_k = 0;
};

// Microseconds per step: the phases, then the step, then the time from the last step's end until the text threads have
// delivered everything.
constexpr size_t kNumFigures = kNumStepPhases + 2;
using Figures = std::array<double, kNumFigures>;

Figures Measure(const Flags& flags, uint64_t repetition) {
  auto backend = MakeCpuBackend({});
  if (!backend.ok()) std::exit(1);
  const int tokens = kPromptTokens + kWarmUpSteps + flags.steps + 8;
  ServedStreams streams(flags.model, flags.weights, *std::move(backend), flags.streams, tokens);
  SamplingParams sampling;
  sampling.temperature = static_cast<float>(flags.temperature);
  sampling.top_k = flags.top_k;
  sampling.seed = repetition;
  for (int i = 0; i < flags.streams; ++i) streams.Add(kPromptTokens, kWarmUpSteps + flags.steps + 4, sampling);
  const EngineMetrics& metrics = streams.metrics();
  // A prompt's end is its first token.
  while (metrics.generation_tokens.value() < static_cast<uint64_t>(flags.streams * kWarmUpSteps)) streams.Step();
  streams.WaitForText();
  Figures figures = {};
  const auto add = [&](double sign) {
    for (size_t i = 0; i < kNumStepPhases; ++i) figures[i] += sign * metrics.step_phase_time[i].sum();
    figures[kNumStepPhases] += sign * metrics.step_time.sum();
  };
  add(-1);
  for (int i = 0; i < flags.steps; ++i) streams.Step();
  add(1);
  const auto ended = std::chrono::steady_clock::now();
  streams.WaitForText();
  figures.back() = std::chrono::duration<double>(std::chrono::steady_clock::now() - ended).count() * flags.steps;
  for (double& figure : figures) figure *= 1e6 / flags.steps;
  return figures;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("What a step costs outside the forward pass.", "step_bench");
  app.add_option("--model", flags.model, "checkpoint with a tokenizer")->capture_default_str();
  app.add_option("--weights", flags.weights, "format of the matrices, as the daemon's --weights");
  app.add_option("--json", flags.json_file, "write the figures there");
  app.add_option("--streams", flags.streams)->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--steps", flags.steps, "measured")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--repetitions", flags.repetitions)->check(CLI::Range(1, 100))->capture_default_str();
  app.add_option("--temperature", flags.temperature)->check(CLI::Range(0.0, 2.0))->capture_default_str();
  app.add_option("--top-k", flags.top_k)->check(CLI::Range(0, 1000000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::array<std::vector<double>, kNumFigures + 1> all;
  for (int i = 0; i < flags.repetitions; ++i) {
    const Figures figures = Measure(flags, static_cast<uint64_t>(i));
    for (size_t k = 0; k < kNumFigures; ++k) all[k].push_back(figures[k]);
    all.back().push_back(figures[kNumStepPhases] - figures[static_cast<size_t>(StepPhase::kForward)]);
  }
  std::vector<std::string> names(kPhases.begin(), kPhases.end());
  names.insert(names.end(), {"step", "text threads' last delivery", "outside the forward pass"});
  std::printf("%s, %d streams, %d steps, us per step, median (min to max of %d)\n", flags.model.c_str(), flags.streams,
              flags.steps, flags.repetitions);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t k = 0; k < all.size(); ++k) {
    std::sort(all[k].begin(), all[k].end());
    const double median = all[k][all[k].size() / 2];
    std::printf("%-28s %10.1f  (%.1f to %.1f)\n", names[k].c_str(), median, all[k].front(), all[k].back());
    rows.push_back({{"name", "step " + names[k]},
                    {"unit", "us"},
                    {"median", median},
                    {"min", all[k].front()},
                    {"max", all[k].back()},
                    {"bound", nullptr},
                    {"fraction", nullptr}});
  }
  if (flags.json_file.empty()) return 0;
  std::ofstream file(flags.json_file);
  file << nlohmann::ordered_json({{"rows", rows}}).dump(2) << std::endl;
  return file.good() ? 0 : 1;
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) { return foregate::Main(argc, argv); }
