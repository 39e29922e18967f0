#include "tools/offline/turns_replay.h"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

#include "engine/moe/replay/replay_memory.h"
#include "engine/moe/replay/virtual_disk.h"
#include "engine/schedule/expert_turns.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

absl::Status Check(const ReplayTrace& tokens, const TurnsReplayOptions& options) {
  const TraceHeader& header = tokens.header();
  uint64_t largest = 0;
  for (const TraceHeader::Layer& layer : header.layers) largest = std::max(largest, layer.expert_bytes);
  if (options.memory_bytes < 2 * largest)
    return absl::InvalidArgumentError("replay: " + std::to_string(options.memory_bytes) +
                                      " bytes do not hold two experts of " + std::to_string(largest));
  if (!(options.bytes_per_second > 0)) return absl::InvalidArgumentError("replay: turns need a disk's bandwidth");
  if (options.num_first_tokens >= options.num_tokens)
    return absl::InvalidArgumentError("replay: nothing is left of " + std::to_string(options.num_tokens) +
                                      " tokens after " + std::to_string(options.num_first_tokens));
  const size_t num_layers = header.layers.size();
  for (size_t i = 0; i < tokens.num_visits(); ++i) {
    const ReplayTrace::Visit visit = tokens.visit(i);
    if (static_cast<size_t>(visit.layer_index) != i % num_layers || visit.num_rows != tokens.visit(0).num_rows)
      return absl::InvalidArgumentError("replay: visit " + std::to_string(i) +
                                        " is not one of all streams in all layers");
  }
  if (tokens.num_visits() % num_layers != 0) return absl::InvalidArgumentError("replay: the last step is not whole");
  return absl::OkStatus();
}

class TurnsRun {
 public:
  TurnsRun(const ReplayTrace& tokens, const TurnsReplayOptions& options)
      : tokens_(tokens),
        options_(options),
        num_layers_(tokens.header().layers.size()),
        top_k_(static_cast<size_t>(tokens.header().top_k)),
        memory_(tokens, {.memory_bytes = options.memory_bytes}),
        disk_({.bytes_per_second = options.bytes_per_second}, memory_),
        turns_(OptionsOfTurns()),
        streams_(tokens.visit(0).num_rows),
        held_(streams_.size()) {
    result_.stream_tokens.resize(streams_.size());
    for (Stream& stream : streams_) {
      turns_.Begin(&stream.turn);
      members_.push_back({&stream.turn, 0});
    }
  }

  TurnsReplayResult Run() {
    for (uint64_t done = 0; done < options_.num_tokens;) done += RunStep(done >= options_.num_first_tokens);
    return result_;
  }

 private:
  struct Stream {
    SequenceTurn turn;
    size_t next = 0;  // token
    double last_token = -1;
  };

  // What takes as long to compute as a layer's other time counts as its dense weights.
  ExpertTurns::Options OptionsOfTurns() const {
    ExpertTurns::Options options{.layer_expert_bytes = {},
                                 .experts_per_layer = static_cast<size_t>(tokens_.header().num_experts),
                                 .dense_bytes = 0,
                                 .max_passed_over = std::max(options_.max_passed_over, 1)};
    for (const TraceHeader::Layer& layer : tokens_.header().layers) {
      const auto bytes = static_cast<double>(layer.expert_bytes);
      options.layer_expert_bytes.push_back(bytes);
      if (options_.expert_seconds > 0) options.dense_bytes += options_.layer_seconds / options_.expert_seconds * bytes;
    }
    return options;
  }

  // How many tokens it made.
  uint64_t RunStep(bool counts) {
    const double started = now_;
    const uint64_t bytes_before = disk_.bytes()[0];
    stalled_ = 0;
    if (options_.max_passed_over > 0) turns_.Hold(members_, static_cast<double>(options_.memory_bytes), &held_);
    for (size_t layer = 0; layer < num_layers_; ++layer) RunLayer(layer);
    const uint64_t bytes = disk_.bytes()[0] - bytes_before;
    turns_.EndStep(/*is_typical=*/true, now_ - started, stalled_, static_cast<double>(bytes));
    if (counts) {
      ++result_.num_steps;
      result_.seconds += now_ - started;
      result_.bytes_read += bytes;
    }
    return EndStep(counts);
  }

  uint64_t EndStep(bool counts) {
    uint64_t done = 0;
    for (size_t s = 0; s < streams_.size(); ++s) {
      Stream& stream = streams_[s];
      if (held_[s]) {
        ExpertTurns::SatOut(&stream.turn);
        continue;
      }
      ExpertTurns::Ran(&stream.turn);
      ++stream.next;
      ++done;
      if (counts) {
        ++result_.num_tokens;
        ++result_.stream_tokens[s];
        if (stream.last_token >= 0)
          result_.longest_wait_seconds = std::max(result_.longest_wait_seconds, now_ - stream.last_token);
      }
      stream.last_token = now_;
    }
    return done;
  }

  std::span<const int32_t> ChoiceOf(size_t stream, size_t layer) const {
    const size_t step = streams_[stream].next % tokens_.num_steps();
    return tokens_.visit(step * num_layers_ + layer).ranked.subspan(stream * top_k_, top_k_);
  }

  void RunLayer(size_t layer) {
    Spend(options_.layer_seconds);
    choices_.clear();
    size_t num_rows = 0;
    for (size_t s = 0; s < streams_.size(); ++s) {
      if (held_[s]) continue;
      const std::span<const int32_t> choice = ChoiceOf(s, layer);
      choices_.insert(choices_.end(), choice.begin(), choice.end());
      turns_.Observe(layer, choice, &streams_[s].turn);
      ++num_rows;
    }
    std::sort(choices_.begin(), choices_.end());
    next_use_.assign(choices_.size(), ReplayTrace::kNoVisit);
    memory_.BeginVisit(num_visits_++, {.layer_index = static_cast<int32_t>(layer),
                                       .num_rows = num_rows,
                                       .choices = choices_,
                                       .ranked = {},
                                       .next_use = next_use_});
    Demand(layer);
    Compute();
  }

  void Demand(size_t layer) {
    const auto layer_index = static_cast<int32_t>(layer);
    memory_.TakeArrivals();
    ready_.clear();
    num_missing_ = 0;
    for (size_t i = 0; i < choices_.size(); ++i) {
      if (i > 0 && choices_[i] == choices_[i - 1]) continue;
      const size_t expert = tokens_.expert_index(layer_index, choices_[i]);
      if (memory_.is_resident(expert)) {
        ready_.push_back(expert);
      } else {
        disk_.Enqueue(expert, ReadClass::kDemand, tokens_.expert_bytes(layer_index));
        ++num_missing_;
      }
    }
    turns_.AddExperts(layer, ready_.size() + num_missing_);
  }

  void Compute() {
    for (size_t next = 0; next < ready_.size() || num_missing_ > 0;) {
      if (next < ready_.size()) {
        Spend(options_.expert_seconds);
        memory_.Compute(ready_[next++]);
      } else {
        FOREGATE_CHECK(disk_.AdvanceToArrival());
        stalled_ += std::max(disk_.now() - now_, 0.0);
        now_ = std::max(now_, disk_.now());
      }
      for (const size_t expert : memory_.TakeArrivals()) {
        ready_.push_back(expert);
        --num_missing_;
      }
    }
  }

  void Spend(double seconds) {
    now_ += seconds;
    disk_.AdvanceTo(now_);
  }

  const ReplayTrace& tokens_;
  const TurnsReplayOptions& options_;
  const size_t num_layers_;
  const size_t top_k_;
  ReplayMemory memory_;
  VirtualDisk disk_;
  ExpertTurns turns_;
  std::vector<Stream> streams_;
  std::vector<ExpertTurns::Member> members_;
  std::vector<uint8_t> held_;
  std::vector<int32_t> choices_;  // of one layer, ascending
  std::vector<uint32_t> next_use_;
  std::vector<size_t> ready_;
  size_t num_missing_ = 0;
  size_t num_visits_ = 0;
  double now_ = 0;
  double stalled_ = 0;  // in the running step
  TurnsReplayResult result_;
};

double RatioOf(const TurnsReport::Line& line) {
  return line.without.tokens_per_second() > 0 ? line.with.tokens_per_second() / line.without.tokens_per_second() : 0;
}

nlohmann::json JsonOf(const TurnsReplayResult& result) {
  return {{"tokens_per_second", result.tokens_per_second()},
          {"bytes_per_token", static_cast<double>(result.bytes_read) / static_cast<double>(result.num_tokens)},
          {"rows_per_step", static_cast<double>(result.num_tokens) / static_cast<double>(result.num_steps)},
          {"longest_wait_seconds", result.longest_wait_seconds},
          {"evenness", result.evenness()}};
}

}  // namespace

double TurnsReplayResult::evenness() const {
  if (stream_tokens.empty()) return 1;
  const auto [least, most] = std::minmax_element(stream_tokens.begin(), stream_tokens.end());
  return *most == 0 ? 1 : static_cast<double>(*least) / static_cast<double>(*most);
}

absl::StatusOr<TurnsReplayResult> ReplayTurns(const ReplayTrace& tokens, const TurnsReplayOptions& options) {
  FOREGATE_RETURN_IF_ERROR(Check(tokens, options));
  return TurnsRun(tokens, options).Run();
}

absl::StatusOr<TurnsReport> CompareTurns(const ReplayTrace& tokens, std::string name,
                                         const std::vector<double>& memory_percents, TurnsReplayOptions options) {
  TurnsReport report{.name = std::move(name),
                     .num_streams = tokens.visit(0).num_rows,
                     .max_passed_over = options.max_passed_over,
                     .lines = {}};
  for (const double percent : memory_percents) {
    TurnsReport::Line& line = report.lines.emplace_back();
    line.memory_percent = percent;
    options.memory_bytes = static_cast<uint64_t>(percent / 100 * static_cast<double>(tokens.header().expert_bytes()));
    options.max_passed_over = 0;
    FOREGATE_ASSIGN_OR_RETURN(line.without, ReplayTurns(tokens, options));
    options.max_passed_over = report.max_passed_over;
    FOREGATE_ASSIGN_OR_RETURN(line.with, ReplayTurns(tokens, options));
  }
  return report;
}

std::string TurnsTable(const TurnsReport& report) {
  std::string text = report.name + ": " + std::to_string(report.num_streams) + " streams, at most " +
                     std::to_string(report.max_passed_over) + " steps passed over\n" +
                     "  memory   tokens/s    in turns   ratio   longest wait   in turns   evenness\n";
  for (const TurnsReport::Line& line : report.lines) {
    char row[160];
    std::snprintf(row, sizeof(row), "  %5.1f %%   %8.3f    %8.3f   %5.3f   %10.3f s   %6.3f s   %8.2f\n",
                  line.memory_percent, line.without.tokens_per_second(), line.with.tokens_per_second(), RatioOf(line),
                  line.without.longest_wait_seconds, line.with.longest_wait_seconds, line.with.evenness());
    text += row;
  }
  return text;
}

std::string TurnsJson(const TurnsReport& report) {
  nlohmann::json lines = nlohmann::json::array();
  for (const TurnsReport::Line& line : report.lines)
    lines.push_back({{"memory_percent", line.memory_percent},
                     {"ratio", RatioOf(line)},
                     {"without", JsonOf(line.without)},
                     {"with", JsonOf(line.with)}});
  const nlohmann::json json = {{"trace", report.name},
                               {"streams", report.num_streams},
                               {"max_passed_over", report.max_passed_over},
                               {"lines", lines}};
  return json.dump() + "\n";
}

}  // namespace foregate
