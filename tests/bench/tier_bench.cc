// Tokens per second of a model larger than its memory, beside what the disk and its distinct experts allow.
//
//   bazel run //tests/bench:tier_bench -- --model DIR --cache-dir DIR --expert-memory 25% --routing even; --help
//
// A round runs every number of streams, each with every contender (--prefetch, and those of --against), in turn; fio
// reads the container before each. Figures are medians over rounds, ratios are of the same round. The bound of a run is
// the less of
//
//   disk      what fio just read / (bytes of experts wanted per token x share of expert bytes that has no slot)
//   compute   tokens per second without the time that the engine waited for experts
//
// The routing is not the model's (routing_source.h), whose tokens mean nothing.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "kernels/cpu/cpu_backend.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench_engine.h"
#include "tests/bench/fio_rate.h"
#include "tests/bench/tier_contender.h"

namespace foregate {
namespace {

struct Flags {
  TierOptions tier;
  std::vector<std::string> against;
  std::string fio;
  std::string json_file;
  std::vector<int> streams = {1, 8, 32};
  int warm_tokens = 2;
  int tokens = 32;
  int rounds = 3;

  // Of one stream.
  int TokensOf(int num_streams) const { return std::max(4, tokens / num_streams); }
};

// Sorted.
struct Values {
  std::vector<double> all;
  void Add(double value) { all.insert(std::upper_bound(all.begin(), all.end(), value), value); }
  double median() const { return all.empty() ? 0 : (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2; }
};

struct Series {
  Values rate, bytes_per_token, wanted_per_token, read_rate, disk_rate, absent, waiting, fraction;

  bool has_small_pages = false;  // fio's, in a run at least

  nlohmann::ordered_json Json() const {
    nlohmann::ordered_json json;
    const auto add = [&](const char* name, const Values& values) {
      if (!values.all.empty())
        json[name] = {{"median", values.median()}, {"min", values.all.front()}, {"max", values.all.back()}};
    };
    add("tokens_per_second", rate);
    add("bytes_read_per_token", bytes_per_token);
    add("experts_wanted_per_token", wanted_per_token);
    add("bytes_read_per_second", read_rate);
    add("fio_bytes_per_second", disk_rate);
    if (!disk_rate.all.empty()) json["fio_huge_pages"] = !has_small_pages;
    add("absent", absent);
    add("waiting", waiting);
    add("fraction_of_bound", fraction);
    return json;
  }
};

// `disk_rate`: 0 bytes per second when it was not measured.
void Observe(const TierContender& contender, const TierRun& run, const FioRate& disk_rate, Series& series) {
  const double wanted = run.experts.wanted / run.tokens;
  series.rate.Add(run.rate());
  series.bytes_per_token.Add(run.experts.read_bytes / run.tokens);
  series.wanted_per_token.Add(wanted);
  series.read_rate.Add(run.experts.read_bytes / run.seconds);
  series.absent.Add(run.experts.wanted > 0 ? run.experts.absent / run.experts.wanted : 0);
  series.waiting.Add(run.experts.stall_seconds / run.seconds);
  if (disk_rate.bytes_per_second == 0) return;
  series.disk_rate.Add(disk_rate.bytes_per_second);
  series.has_small_pages = series.has_small_pages || !disk_rate.uses_huge_pages;
  const double share = 1 - static_cast<double>(contender.tier().slot_bytes) / contender.all_expert_bytes();
  const double disk_bound = disk_rate.bytes_per_second / (wanted * contender.expert_bytes() * share);
  const double compute_bound = run.tokens / (run.seconds - run.experts.stall_seconds);
  series.fraction.Add(run.rate() / std::min(disk_bound, compute_bound));
}

class TierBench {
 public:
  explicit TierBench(const Flags& flags) : flags_(flags) {}

  void Open() {
    std::vector<std::string> readings = {flags_.tier.reading};
    readings.insert(readings.end(), flags_.against.begin(), flags_.against.end());
    for (const std::string& reading : readings) {
      TierOptions options = flags_.tier;
      options.reading = reading;
      contenders_.push_back(OrExit(TierContender::Create(options)));
    }
    const TierContender& first = *contenders_.front();
    const ExpertTier tier = first.tier();
    container_ = tier.file;
    std::printf("%s, %s\n%zu slots of %.2f GB for %zu experts of %.2f GB; %s\n", flags_.tier.model.c_str(),
                first.routing().description().c_str(), tier.num_slots, static_cast<double>(tier.slot_bytes) / 1e9,
                tier.num_experts, first.all_expert_bytes() / 1e9, tier.source.c_str());
    std::fflush(stdout);
  }

  void Run() {
    for (int round = -1; round < flags_.rounds; ++round) {  // the first fills the caches
      for (const int streams : flags_.streams) RunRound(round, streams);
    }
  }

  nlohmann::ordered_json Report() const {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const int streams : flags_.streams) {
      for (size_t i = 0; i < contenders_.size(); ++i) {
        const Series& series = series_.at({streams, i});
        const std::string name = std::to_string(streams) + " streams, " + contenders_[i]->options().reading;
        Print(name, series);
        rows.push_back({{"name", name}, {"figures", series.Json()}});
      }
      for (size_t i = 1; i < contenders_.size(); ++i) {
        const Values& ratio = ratios_.at({streams, i});
        const std::string name = flags_.tier.reading + " over " + contenders_[i]->options().reading;
        std::printf("  %s: %.3f (%.3f to %.3f, %zu rounds)\n", name.c_str(), ratio.median(), ratio.all.front(),
                    ratio.all.back(), ratio.all.size());
        rows.push_back({{"name", std::to_string(streams) + " streams, " + name}, {"ratios", ratio.all}});
      }
    }
    return rows;
  }

 private:
  void RunRound(int round, int streams) {
    std::vector<double> rates(contenders_.size());
    for (size_t turn = 0; turn < contenders_.size(); ++turn) {
      const size_t i = round % 2 == 0 ? turn : contenders_.size() - 1 - turn;
      TierContender& contender = *contenders_[i];
      FioRate disk_rate;
      if (!flags_.fio.empty()) disk_rate = OrExit(MeasureFioRate(flags_.fio, container_, 2));
      const TierRun run = contender.Run(streams, flags_.warm_tokens, flags_.TokensOf(streams));
      rates[i] = run.rate();
      if (round >= 0) Observe(contender, run, disk_rate, series_[{streams, i}]);
    }
    if (round < 0) return;
    for (size_t i = 1; i < rates.size(); ++i) ratios_[{streams, i}].Add(rates[0] / rates[i]);
  }

  static void Print(const std::string& name, const Series& series) {
    std::printf(
        "%-24s %7.2f tokens/s (%.2f to %.2f)  %.1f experts and %.0f MB read per token, %.1f %% absent, read at %.2f "
        "GB/s, waiting %.0f %%",
        name.c_str(), series.rate.median(), series.rate.all.front(), series.rate.all.back(),
        series.wanted_per_token.median(), series.bytes_per_token.median() / 1e6, 100 * series.absent.median(),
        series.read_rate.median() / 1e9, 100 * series.waiting.median());
    if (!series.disk_rate.all.empty())
      std::printf(", fio %.2f GB/s into %s pages, %.0f %% of the bound (%.0f to %.0f)", series.disk_rate.median() / 1e9,
                  series.has_small_pages ? "SMALL" : "huge", 100 * series.fraction.median(),
                  100 * series.fraction.all.front(), 100 * series.fraction.all.back());
    std::printf("\n");
    std::fflush(stdout);
  }

  const Flags flags_;
  std::vector<std::unique_ptr<TierContender>> contenders_;
  std::string container_;
  std::map<std::pair<int, size_t>, Series> series_;  // by streams and contender
  std::map<std::pair<int, size_t>, Values> ratios_;  // of the first contender's rate to this one's
};

int Main(int argc, char** argv) {
  Flags flags;
  TierOptions& tier = flags.tier;
  CLI::App app("Speed of a model larger than its memory, with routing from elsewhere.", "tier_bench");
  app.add_option("--model", tier.model, "checkpoint in which every layer routes")->required();
  app.add_option("--cache-dir", tier.cache_dir, "where the container is kept that experts are read from")->required();
  app.add_option("--weights", tier.weights, "format of the matrices, as the daemon's --weights");
  app.add_option("--expert-memory", tier.expert_memory, "a size or a share of all experts")->capture_default_str();
  app.add_option("--routing", tier.routing, "even, or a routing trace (.fgr)")->capture_default_str();
  app.add_option("--prefetch", tier.reading, "PREFETCH[:EVICTION[:blocking]], as router, off:lru, off:lru:blocking")
      ->capture_default_str();
  app.add_option("--against", flags.against, "other contenders', between commas")->delimiter(',');
  app.add_option("--guess-accuracy", tier.guess_accuracy, "of the router's guesses")->check(CLI::Range(0.0, 1.0));
  app.add_option("--pre-gate", tier.pre_gate_distance, "distance of the checkpoint's pre-gates")
      ->check(CLI::Range(0, 2));
  app.add_option("--threads", tier.num_threads)->check(CLI::Range(0, kMaxCpuThreads));
  app.add_option("--streams", flags.streams)->delimiter(',')->check(CLI::Range(1, 256));
  app.add_option("--warm-tokens", flags.warm_tokens, "of each stream, before")->check(CLI::Range(1, 4096));
  app.add_option("--tokens", flags.tokens, "measured, of all streams together; each has four at least")
      ->check(CLI::Range(1, 4096));
  app.add_option("--rounds", flags.rounds, "measured, after one that is not")->check(CLI::Range(1, 1000));
  app.add_option("--fio", flags.fio, "the program; without it there is no bound");
  app.add_option("--json", flags.json_file, "write the figures there");
  CLI11_PARSE(app, argc, argv);
  tier.max_streams = *std::max_element(flags.streams.begin(), flags.streams.end());
  tier.max_tokens = flags.warm_tokens + flags.TokensOf(*std::min_element(flags.streams.begin(), flags.streams.end()));
  TierBench bench(flags);
  bench.Open();
  bench.Run();
  const nlohmann::ordered_json rows = bench.Report();
  if (flags.json_file.empty()) return 0;
  std::ofstream file(flags.json_file);
  file << rows.dump(2) << std::endl;
  if (file.good()) return 0;
  std::fprintf(stderr, "tier_bench: cannot write %s\n", flags.json_file.c_str());
  return 1;
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) { return foregate::Main(argc, argv); }
