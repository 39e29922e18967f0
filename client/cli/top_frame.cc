#include "client/cli/top_frame.h"

#include <algorithm>
#include <optional>

#include "client/cli/text_output.h"
#include "client/number_text.h"

namespace foregate {
namespace {

constexpr size_t kLabelWidth = 10;
constexpr size_t kBarWidth = 20;
constexpr uint64_t kSilenceUs = 1000000;  // of a disk: what is worth a word
constexpr size_t kShareWidth = 8;         // " 100.0 %"

std::string Percent(std::optional<double> share) {
  return Padded(share.has_value() ? Fixed(100 * *share, 1) + " %" : "-", kShareWidth);
}

std::string PerSecond(std::optional<double> rate) { return rate.has_value() ? Fixed(*rate, 1) + "/s" : "-"; }

// Bytes a second.
std::string Bandwidth(std::optional<double> rate) {
  return rate.has_value() ? Bytes(static_cast<uint64_t>(*rate)) + "/s" : "-";
}

std::string Milliseconds(std::optional<double> seconds) {
  return seconds.has_value() ? Fixed(1000 * *seconds, 2) + " ms" : "-";
}

std::string Line(const std::string& label, const std::string& text) { return PaddedAfter(label, kLabelWidth) + text; }

std::string Uptime(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(seconds, 0.0));
  const auto two = [](int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  const std::string clock = two(whole / 3600 % 24) + ":" + two(whole / 60 % 60) + ":" + two(whole % 60);
  return whole >= 86400 ? std::to_string(whole / 86400) + " d " + clock : clock;
}

void AddLoad(const TopView& view, std::vector<std::string>* lines) {
  const auto& server = view.snapshot.server;
  const auto& load = view.snapshot.load;
  const TopPeriod& now = view.latest();
  lines->push_back("foregate top - " + view.snapshot.model_name + ", " + StateName(server.state()) + ", up " +
                   Uptime(view.since_start.seconds) + ", " + server.isa() + " with " +
                   std::to_string(server.compute_threads()) + " threads" +
                   (view.now.has_value() ? "" : " (rates: mean since the start)"));
  lines->push_back(Line("requests", std::to_string(load.running_requests()) + " running, " +
                                        std::to_string(load.waiting_requests()) + " waiting (" +
                                        std::to_string(load.waiting_tokens()) + " tokens)"));
  lines->push_back(Line("tokens", PerSecond(now.PerSecond(now.generated_tokens)) + " generated, " +
                                      PerSecond(now.PerSecond(now.computed_prompt_tokens)) + " of prompts, " +
                                      PerSecond(now.PerSecond(now.cached_prompt_tokens)) +
                                      " found in the prefix cache"));
  lines->push_back(
      Line("steps", PerSecond(now.PerSecond(now.steps)) + ", " +
                        Milliseconds(now.steps == 0 ? std::nullopt
                                                    : std::optional<double>(static_cast<double>(now.step_us) / 1e6 /
                                                                            static_cast<double>(now.steps))) +
                        " each"));
  const double kv =
      load.kv_blocks_total() == 0 ? 0 : static_cast<double>(load.kv_blocks_used()) / load.kv_blocks_total();
  lines->push_back(Line("KV", Bar(kv, kBarWidth) + Percent(kv) + "  " + std::to_string(load.kv_blocks_used()) + " of " +
                                  std::to_string(load.kv_blocks_total()) + " blocks, " +
                                  std::to_string(load.kv_blocks_cached()) + " more kept for prefixes"));
}

void AddTier(const TopView& view, std::vector<std::string>* lines) {
  const auto& tier = view.snapshot.experts.tier();
  lines->push_back("");
  if (tier.holds_all()) {
    lines->push_back(
        Line("experts", "all " + std::to_string(tier.num_experts()) + " stay in memory, " + Bytes(tier.slot_bytes())));
    return;
  }
  const double share =
      tier.num_experts() == 0 ? 0 : static_cast<double>(view.num_in_memory) / static_cast<double>(tier.num_experts());
  lines->push_back(Line("experts", Bar(share, kBarWidth) + Percent(share) + "  " + std::to_string(view.num_in_memory) +
                                       " of " + std::to_string(tier.num_experts()) + " in memory, " +
                                       std::to_string(tier.num_slots()) + " slots, " + Bytes(tier.memory_bytes()) +
                                       (tier.memory_bytes() < tier.slot_bytes()
                                            ? " of " + Bytes(tier.slot_bytes()) + ": the others were given back"
                                            : "")));
  const auto both = [&](const std::string& label, const auto& text) {
    lines->push_back(Line(label, (view.now.has_value() ? "now " + text(*view.now) + "   " : std::string()) +
                                     "since the start " + text(view.since_start)));
  };
  both("hit rate",
       [](const TopPeriod& in) { return Percent(HitRate(in.found)) + " (late" + Percent(LateRate(in.found)) + ")"; });
  both("stall", [](const TopPeriod& in) { return Percent(in.stall_share(in.stall_us)) + " of steps     "; });
  both("guesses", [](const TopPeriod& in) {
    return Percent(in.guess_precision()) + " right, " + Percent(in.guess_recall()) + " foreseen";
  });
  lines->push_back(Line(
      "prefetch", tier.prefetch() +
                      (tier.guess_level() < 0 ? ", nothing is guessed"
                                              : ", the governor's level is " + std::to_string(tier.guess_level())) +
                      ", " + PerSecond(view.latest().PerSecond(view.latest().evictions)) + " evictions"));
}

void AddReads(const TopView& view, std::vector<std::string>* lines) {
  const auto& tier = view.snapshot.experts.tier();
  if (tier.reads().empty()) return;
  const TopPeriod& now = view.latest();
  lines->push_back("");
  lines->push_back("reads            bandwidth     stall   pending   reading   per expert");
  for (const auto& reads : tier.reads()) {
    const int at = reads.read_class() - experts::v1::EXPERT_READ_CLASS_DEMAND;
    if (at < 0 || static_cast<size_t>(at) >= kTopReadClasses.size()) continue;
    const TopReads& in = now.reads[static_cast<size_t>(at)];
    lines->push_back(
        PaddedAfter(kTopReadClasses[static_cast<size_t>(at)], 12) + Padded(Bandwidth(now.PerSecond(in.bytes)), 14) +
        Padded(Percent(now.stall_share(in.stall_us)), 10) + Padded(std::to_string(reads.pending_experts()), 10) +
        Padded(std::to_string(reads.pieces_under_way()), 10) + Padded(Milliseconds(MeanReadSeconds(in)), 13));
  }
  if (tier.silent_us() >= kSilenceUs)
    lines->push_back(Line("disk", "no answer for " + Fixed(static_cast<double>(tier.silent_us()) / 1e6, 1) + " s"));
  if (tier.read_retries() + tier.read_failures() > 0)
    lines->push_back(Line("faults", std::to_string(tier.read_retries()) + " reads tried again, " +
                                        std::to_string(tier.read_failures()) + " experts not read, since the start"));
}

void AddGroups(const TopView& view, std::vector<std::string>* lines) {
  if (view.groups.empty() || view.snapshot.experts.tier().holds_all()) return;
  lines->push_back("");
  lines->push_back(PaddedAfter("layers", kLabelWidth) + PaddedAfter("in memory", kBarWidth + 12) + "hit rate");
  for (size_t i = 0; i < view.groups.size(); ++i) {
    const TopGroup& group = view.groups[i];
    const double share =
        group.num_experts == 0 ? 0 : static_cast<double>(group.num_in_memory) / static_cast<double>(group.num_experts);
    const std::optional<double> hits = HitRate(view.latest().groups[i]);
    lines->push_back(Line(
        group.name, Bar(share, kBarWidth) + Percent(share) + "   " + Bar(hits.value_or(0), kBarWidth) + Percent(hits)));
  }
}

void AddBusiest(const TopView& view, std::vector<std::string>* lines) {
  if (view.busiest.empty()) return;
  lines->push_back("");
  lines->push_back("busiest experts, by their share of what their layer chose");
  for (const TopExpert& expert : view.busiest) {
    lines->push_back("  layer " + Padded(std::to_string(expert.layer), 3) + " expert " +
                     Padded(std::to_string(expert.expert), 4) + Padded(Percent(expert.share), 9) + "  " +
                     ResidencyName(expert.residency));
  }
}

void AddSource(const TopView& view, std::vector<std::string>* lines) {
  const auto& tier = view.snapshot.experts.tier();
  if (tier.source().empty()) return;
  lines->push_back("");
  lines->push_back(Line("source", tier.source()));
}

// The first `columns` characters of UTF-8 text.
std::string Cut(const std::string& text, size_t columns) {
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins && characters++ == columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

std::vector<std::string> TopFrame(const TopView& view, FrameSize size) {
  std::vector<std::string> lines;
  AddLoad(view, &lines);
  AddTier(view, &lines);
  AddReads(view, &lines);
  AddGroups(view, &lines);
  AddBusiest(view, &lines);
  AddSource(view, &lines);
  if (lines.size() > size.rows) lines.resize(size.rows);
  for (std::string& line : lines) {
    std::string safe = SafeForTerminal(line);
    std::replace(safe.begin(), safe.end(), '\n', ' ');
    std::replace(safe.begin(), safe.end(), '\t', ' ');
    line = Cut(safe, size.columns);
    line.erase(line.find_last_not_of(' ') + 1);
  }
  return lines;
}

}  // namespace foregate
