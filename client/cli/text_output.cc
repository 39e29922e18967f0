#include "client/cli/text_output.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "client/number_text.h"

namespace foregate {
namespace {

// Experts named per layer; more would not fit a line of a terminal.
constexpr size_t kTopExperts = 3;
constexpr size_t kBarWidth = 30;

std::string Milliseconds(int64_t us) { return Fixed(static_cast<double>(us) / 1000.0, us < 100000 ? 1 : 0) + " ms"; }

// The `kTopExperts` most used experts as "3 (40 %) 7 (22 %)"; ties go to the lower id.
std::string TopExperts(const google::protobuf::RepeatedField<uint64_t>& counts) {
  const uint64_t total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  if (total == 0) return "idle";
  std::vector<int> order(static_cast<size_t>(counts.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&counts](int a, int b) { return counts.Get(a) > counts.Get(b); });
  std::string text;
  for (size_t i = 0; i < std::min(kTopExperts, order.size()); ++i) {
    const uint64_t count = counts.Get(order[i]);
    if (count == 0) break;
    if (!text.empty()) text += "  ";
    text += std::to_string(order[i]) + " (" +
            Fixed(100.0 * static_cast<double>(count) / static_cast<double>(total), 0) + " %)";
  }
  return text;
}

std::string TokenText(const inference::v1::TokenLogprob& token) {
  return "\"" + SafeForTerminal(token.text()) + "\" [" + std::to_string(token.token_id()) + "]";
}

// How many of the layer's experts are in memory, and how often one that it wanted was.
std::string TierColumns(const experts::v1::LayerExpertStats& layer) {
  const auto in_memory = std::count_if(layer.residency().begin(), layer.residency().end(), [](int residency) {
    return residency == experts::v1::EXPERT_RESIDENCY_RESIDENT || residency == experts::v1::EXPERT_RESIDENCY_PINNED;
  });
  const uint64_t acquired = layer.hits() + layer.late() + layer.misses();
  const std::string hit_rate =
      acquired == 0 ? "-" : Fixed(100.0 * static_cast<double>(layer.hits()) / static_cast<double>(acquired), 1) + " %";
  return Padded(std::to_string(in_memory), 11) + Padded(hit_rate, 10);
}

std::string PrefetchText(const std::string& prefetch) {
  if (prefetch == "router") return "what pre-gates choose, and guesses of the next layer's router";
  if (prefetch == "predictor") return "what pre-gates choose, and guesses from what followed what";
  if (prefetch == "committed") return "what pre-gates choose";
  return prefetch == "off" ? "nothing" : prefetch;
}

}  // namespace

std::string SafeForTerminal(const std::string& text) {
  std::string safe;
  safe.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are C2 80 to C2 9F; some terminals take them as ESC sequences.
    const bool is_c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_c1) {
      safe += '?';
      ++i;
    } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
      safe += '?';
    } else {
      safe += text[i];
    }
  }
  return safe;
}

std::string StatsText(const inference::v1::RequestSummary& summary) {
  const auto& timings = summary.timings();
  const auto& usage = summary.usage();
  const int64_t busy_us = timings.total_us() - timings.queue_us();
  std::string text = std::to_string(usage.generated_tokens()) + " tokens in " + Milliseconds(timings.total_us());
  if (busy_us > 0 && usage.generated_tokens() > 0) {
    text += " (" + Fixed(1e6 * usage.generated_tokens() / static_cast<double>(busy_us), 1) + " tokens/s)";
  }
  text += ", first token after " + Milliseconds(timings.first_token_us());
  if (timings.per_token_us() > 0) text += ", then " + Milliseconds(timings.per_token_us()) + " a token";
  text += ", prompt " + std::to_string(usage.prompt_tokens()) + " tokens (" + std::to_string(usage.cached_tokens()) +
          " cached), seed " + std::to_string(summary.seed());
  if (summary.has_execution()) {
    text += ", " + summary.execution().weights_format() + " on " + summary.execution().isa();
    for (const std::string& lossy : summary.execution().lossy_options()) text += ", LOSSY " + lossy;
  }
  text += ", id " + summary.request_id() + "\n";
  if (summary.experts().empty()) return text;
  text += "busiest experts:\n";
  for (const auto& layer : summary.experts()) {
    text += "  layer " + Padded(std::to_string(layer.layer()), 2) + ":  " + TopExperts(layer.counts()) + "\n";
  }
  return text;
}

std::string LogprobsText(const google::protobuf::RepeatedPtrField<inference::v1::TokenLogprobs>& tokens) {
  std::string text;
  for (const auto& entry : tokens) {
    text += "  " + TokenText(entry.token());
    if (!entry.has_has_logprob() || entry.has_logprob()) {
      text += "  " + Fixed(entry.token().logprob(), 4) + "  rank " + std::to_string(entry.token().rank());
    }
    if (!entry.top().empty()) text += "  of";
    for (const auto& other : entry.top()) text += "  " + TokenText(other) + " " + Fixed(other.logprob(), 4);
    text += "\n";
  }
  return text;
}

std::string ProgressBar(uint64_t bytes_done, uint64_t bytes_total) {
  const double share =
      bytes_total == 0 ? 0.0 : std::min(1.0, static_cast<double>(bytes_done) / static_cast<double>(bytes_total));
  return Bar(share, kBarWidth) + " " + Padded(Fixed(100 * share, 0), 3) + " %  " + Bytes(bytes_done) + " of " +
         Bytes(bytes_total);
}

std::string StateName(discovery::v1::ServerState state) {
  switch (state) {
    case discovery::v1::SERVER_STATE_LOADING:
      return "loading";
    case discovery::v1::SERVER_STATE_READY:
      return "ready";
    case discovery::v1::SERVER_STATE_DRAINING:
      return "draining";
    case discovery::v1::SERVER_STATE_FAILED:
      return "failed";
    default:
      return "unknown";
  }
}

std::string ModelText(const discovery::v1::GetModelResponse& model) {
  const auto& shape = model.architecture();
  const auto& limits = model.limits();
  const auto& can = model.capabilities();
  std::string text = model.name() + "\n";
  text += "  architecture  " + shape.family() + ", " + Fixed(static_cast<double>(shape.num_parameters()) / 1e6, 1) +
          " million parameters, " + shape.weights_format() + ", " + Bytes(shape.weight_bytes()) + "\n";
  text += "  layers        " + std::to_string(shape.num_layers()) + ", " + std::to_string(shape.num_moe_layers()) +
          " of them with " + std::to_string(shape.num_experts()) + " experts, " +
          std::to_string(shape.experts_per_token()) + " a token";
  if (shape.pre_gate_distance() > 0)
    text += ", chosen " + std::to_string(shape.pre_gate_distance()) +
            (shape.pre_gate_distance() == 1 ? " layer" : " layers") + std::string(" ahead by pre-gates");
  text += "\n";
  if (!shape.expert_prefetch().empty())
    text += "  experts       not all in memory; fetched ahead: " + PrefetchText(shape.expert_prefetch()) + "\n";
  text += "  context       " + std::to_string(limits.max_sequence_tokens()) + " tokens, prompt at most " +
          std::to_string(limits.max_prompt_tokens()) + "\n";
  text += "  limits        " + std::to_string(limits.max_running_requests()) + " running, " +
          std::to_string(limits.max_queued_requests()) + " queued requests, " + std::to_string(limits.max_samples()) +
          " samples, " + std::to_string(limits.max_logprobs()) + " logprobs\n";
  text += "  accepts       token ids";
  const std::pair<bool, const char*> features[] = {{can.text_prompts(), "text"},
                                                   {can.chat(), "chat"},
                                                   {can.tools_in_template(), "tools"},
                                                   {can.logprobs(), "logprobs"},
                                                   {can.prompt_logprobs(), "prompt logprobs"},
                                                   {can.expert_stats(), "expert stats"}};
  for (const auto& [present, name] : features) {
    if (present) text += std::string(", ") + name;
  }
  return text + "\n";
}

std::string StatusText(const discovery::v1::GetServerInfoResponse& server, bool healthy,
                       const discovery::v1::GetLoadResponse* load) {
  std::string text = "state    " + StateName(server.state()) + (healthy ? ", healthy" : ", not serving") + "\n";
  if (server.state() == discovery::v1::SERVER_STATE_LOADING) {
    text += "loading  " + ProgressBar(server.load_progress().bytes_done(), server.load_progress().bytes_total()) + "\n";
  }
  text += "version  " + server.version();
  if (!server.isa().empty()) text += ", " + server.isa() + ", " + std::to_string(server.compute_threads()) + " threads";
  text += "\n";
  if (load != nullptr) {
    text += "load     " + std::to_string(load->running_requests()) + " running, " +
            std::to_string(load->waiting_requests()) + " waiting (" + std::to_string(load->waiting_tokens()) +
            " tokens), KV blocks " + std::to_string(load->kv_blocks_used()) + " of " +
            std::to_string(load->kv_blocks_total()) + ", " + std::to_string(load->engine_steps()) + " steps\n";
  }
  return text;
}

std::string ExpertsText(const experts::v1::GetExpertStatsResponse& stats) {
  std::string text = std::to_string(stats.num_experts()) + " experts a layer, " +
                     std::to_string(stats.experts_per_token()) + " for each token\n";
  // A server that knows where its experts are says so of each layer.
  const bool has_tier = stats.has_tier() && !stats.tier().holds_all();
  text += std::string("layer   selections  never used  imbalance") + (has_tier ? "  in memory  hit rate" : "") +
          "  busiest\n";
  for (const auto& layer : stats.layers()) {
    const uint64_t total = std::accumulate(layer.counts().begin(), layer.counts().end(), uint64_t{0});
    const auto unused = std::count(layer.counts().begin(), layer.counts().end(), uint64_t{0});
    text += Padded(std::to_string(layer.layer()), 5) + Padded(std::to_string(total), 13) +
            Padded(std::to_string(unused), 12) + Padded(Fixed(layer.imbalance(), 2), 11) +
            (has_tier ? TierColumns(layer) : "") + "  " + TopExperts(layer.counts()) + "\n";
  }
  return text;
}

}  // namespace foregate
