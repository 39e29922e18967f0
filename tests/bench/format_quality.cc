// What a weight format costs in quality: the divergence of its next-token distributions from those of the weights as
// stored, and the share of tasks that it still answers.
//
//   tools/eval/make_tasks.py > tasks.jsonl
//   bazel run //tests/bench:format_quality -- --model DIR [--tasks FILE] [--weights F,F,..] [--json FILE]
//
// KL(stored || format) is in nats per token, over the prompts and the stored model's own greedy answers, so both see
// the same text. Without tasks the prompts are random token ids, which say nothing about answers: for checkpoints of
// random weights.
//
// `foregate eval` asks the same of a running daemon; this has all of the two distributions, not their likeliest tokens.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/evaluation/score_statistics.h"
#include "engine/model/decoder_harness.h"
#include "kernels/cpu/cpu_backend.h"
#include "nlohmann/json.hpp"
#include "server/text/tokenizer.h"

namespace foregate {
namespace {

constexpr size_t kMaxAnswerTokens = 64;
constexpr size_t kRandomPrompts = 64;
constexpr size_t kRandomPromptTokens = 48;

struct Flags {
  std::string model = "models/mini";
  std::string tasks;
  std::vector<std::string> weights = {"stored", "int8", "int8-g32", "int4", "int4-g32"};
  std::string json_file;
};

struct Task {
  std::vector<int32_t> prompt;
  std::string answer;  // empty: any
};

// Of one format over all tasks.
struct Quality {
  std::string format;
  double mean_kl = 0;
  double p99_kl = 0;
  double max_kl = 0;
  double same_top = 0;  // share of positions whose most likely token is the stored weights'
  int num_answered = 0;
  int num_tasks = 0;
};

[[noreturn]] void Exit(const std::string& message) {
  std::fprintf(stderr, "format_quality: %s\n", message.c_str());
  std::exit(1);
}

std::vector<Task> ReadTasks(const std::string& path, const Tokenizer& tokenizer) {
  std::ifstream file(path);
  if (!file) Exit("cannot open " + path);
  std::vector<Task> tasks;
  int num_lines = 0;
  for (std::string line; std::getline(file, line);) {
    ++num_lines;
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) Exit(path + " line " + std::to_string(num_lines) + " is no JSON object");
    // Conversations and calls of functions are for `foregate eval`, which has the chat template.
    if (!json.contains("prompt") || !json.contains("answer") || json.contains("tools")) continue;
    const std::string text =
        "<|im_start|>user\n" + json["prompt"].get<std::string>() + "<|im_end|>\n<|im_start|>assistant\n";
    auto ids = tokenizer.Encode(text, {.add_special_tokens = false});
    if (!ids.ok()) Exit(ids.status().ToString());
    tasks.push_back({*std::move(ids), json["answer"].get<std::string>()});
  }
  if (tasks.empty()) Exit(path + " holds no tasks of one prompt and one answer");
  return tasks;
}

std::vector<Task> RandomTasks(int32_t vocab_size) {
  std::mt19937 random(1);
  std::vector<Task> tasks(kRandomPrompts);
  for (Task& task : tasks) {
    for (size_t i = 0; i < kRandomPromptTokens; ++i) {
      task.prompt.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(vocab_size)));
    }
  }
  return tasks;
}

// Greedy, up to the end of the turn.
std::vector<int32_t> Answer(DecoderHarness& model, const std::vector<int32_t>& prompt, int32_t end) {
  model.Reset();
  std::vector<int32_t> ids = model.Generate(0, prompt, kMaxAnswerTokens);
  ids.erase(std::find(ids.begin(), ids.end(), end), ids.end());
  return ids;
}

std::vector<std::vector<float>> Logits(DecoderHarness& model, const std::vector<int32_t>& tokens) {
  model.Reset();
  return model.RunInChunks(0, tokens, 256);
}

std::vector<double> LogProbabilities(const std::vector<float>& logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  std::vector<double> result;
  for (const float logit : logits) result.push_back(logit - most - std::log(sum));
  return result;
}

double Divergence(const std::vector<float>& stored, const std::vector<float>& other) {
  const std::vector<double> p = LogProbabilities(stored);
  const std::vector<double> q = LogProbabilities(other);
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += std::exp(p[i]) * (p[i] - q[i]);
  return sum;
}

int64_t Top(const std::vector<float>& logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

class Comparison {
 public:
  Comparison(const Flags& flags, const Backend& backend) : flags_(flags), backend_(backend), stored_(Load("stored")) {
    if (flags.tasks.empty()) {
      tasks_ = RandomTasks(stored_->decoder().info().vocab_size);
      return;
    }
    auto tokenizer = Tokenizer::Load(flags.model + "/tokenizer.json");
    if (!tokenizer.ok()) Exit(tokenizer.status().ToString());
    tokenizer_ = *std::move(tokenizer);
    end_ = tokenizer_->TokenToId("<|im_end|>").value_or(-1);
    tasks_ = ReadTasks(flags.tasks, *tokenizer_);
  }

  Quality Measure(const std::string& format) {
    const std::unique_ptr<DecoderHarness> model = Load(format);
    Quality quality{.format = format};
    std::vector<double> divergences;
    int64_t num_same = 0;
    for (const Task& task : tasks_) {
      std::vector<int32_t> text = task.prompt;
      const std::vector<int32_t> reference = Answer(*stored_, task.prompt, end_);
      text.insert(text.end(), reference.begin(), reference.end());
      const auto expected = Logits(*stored_, text);
      const auto actual = Logits(*model, text);
      for (size_t i = 0; i < expected.size(); ++i) {
        divergences.push_back(Divergence(expected[i], actual[i]));
        num_same += Top(expected[i]) == Top(actual[i]) ? 1 : 0;
      }
      if (tokenizer_ == nullptr) continue;
      const auto answer = tokenizer_->Decode(Answer(*model, task.prompt, end_), true);
      quality.num_answered += answer.ok() && *answer == task.answer ? 1 : 0;
      ++quality.num_tasks;
    }
    std::sort(divergences.begin(), divergences.end());
    for (const double divergence : divergences) quality.mean_kl += divergence / static_cast<double>(divergences.size());
    quality.p99_kl = divergences[divergences.size() * 99 / 100];
    quality.max_kl = divergences.back();
    quality.same_top = static_cast<double>(num_same) / static_cast<double>(divergences.size());
    return quality;
  }

 private:
  std::unique_ptr<DecoderHarness> Load(const std::string& format) {
    LoadOptions options;
    options.directory = flags_.model;
    auto rules = WeightRules::ForAll(format);
    if (!rules.ok()) Exit(rules.status().ToString());
    options.weights = *std::move(rules);
    return std::make_unique<DecoderHarness>(std::move(options), backend_);
  }

  const Flags& flags_;
  const Backend& backend_;
  std::unique_ptr<DecoderHarness> stored_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  int32_t end_ = -1;
  std::vector<Task> tasks_;
};

// With its 95 % interval, as percent.
std::string Share(int hits, int of) {
  if (of == 0) return "-";
  const Interval interval = WilsonInterval(hits, of);
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %% (%.1f to %.1f)", 100.0 * hits / of, 100 * interval.low,
                100 * interval.high);
  return text;
}

nlohmann::json ToJson(const Quality& quality) {
  return {{"format", quality.format},  {"mean_kl", quality.mean_kl},   {"p99_kl", quality.p99_kl},
          {"max_kl", quality.max_kl},  {"same_top", quality.same_top}, {"answered", quality.num_answered},
          {"tasks", quality.num_tasks}};
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Quality of weight formats against the weights as stored.");
  app.add_option("--model", flags.model, "checkpoint directory");
  app.add_option("--tasks", flags.tasks, "JSON lines of prompt and answer");
  app.add_option("--weights", flags.weights, "formats, separated by commas")->delimiter(',');
  app.add_option("--json", flags.json_file, "where to write the figures");
  CLI11_PARSE(app, argc, argv);
  auto backend = MakeCpuBackend({});
  if (!backend.ok()) Exit(backend.status().ToString());
  Comparison comparison(flags, *backend);
  nlohmann::json rows = nlohmann::json::array();
  std::printf("%-10s %12s %12s %12s %10s  %s\n", "format", "mean KL", "p99 KL", "max KL", "same top", "answered");
  for (const std::string& format : flags.weights) {
    const Quality quality = comparison.Measure(format);
    std::printf("%-10s %12.3g %12.3g %12.3g %8.2f %%  %s\n", quality.format.c_str(), quality.mean_kl, quality.p99_kl,
                quality.max_kl, 100 * quality.same_top, Share(quality.num_answered, quality.num_tasks).c_str());
    std::fflush(stdout);
    rows.push_back(ToJson(quality));
  }
  if (!flags.json_file.empty()) std::ofstream(flags.json_file) << rows.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) { return foregate::Main(argc, argv); }
