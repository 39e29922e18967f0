#include "server/telemetry/expert_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace foregate {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::array<const char*, kNumFetchClasses> kFetchClasses = {"demand", "committed", "speculative"};

// Neighbouring MoE layers, [begin, end) by index among those that route.
struct LayerGroup {
  std::string name;  // model layers "0-5"
  size_t begin = 0;
  size_t end = 0;
};

std::vector<LayerGroup> GroupLayers(const std::vector<int32_t>& moe_layers) {
  const size_t layers = moe_layers.size();
  const size_t num_groups = std::min(layers, kMaxLayerGroups);
  std::vector<LayerGroup> groups;
  for (size_t g = 0; g < num_groups; ++g) {
    const size_t begin = g * layers / num_groups;
    const size_t end = (g + 1) * layers / num_groups;
    groups.push_back({std::to_string(moe_layers[begin]) + "-" + std::to_string(moe_layers[end - 1]), begin, end});
  }
  return groups;
}

void AddRouting(const RouteStatistics& routing, const std::vector<LayerGroup>& groups, FamilyBuilder* out) {
  struct Group {
    std::string name;
    double selections = 0;
    double imbalance = 0;
  };
  std::vector<Group> rows;
  for (const LayerGroup& of : groups) {
    Group group;
    group.name = of.name;
    for (size_t layer = of.begin; layer < of.end; ++layer) {
      double total = 0;
      double most = 0;
      for (int32_t expert = 0; expert < routing.num_experts(); ++expert) {
        const double count = static_cast<double>(routing.count(layer, expert));
        total += count;
        most = std::max(most, count);
      }
      group.selections += total;
      if (total > 0) group.imbalance = std::max(group.imbalance, most * routing.num_experts() / total);
    }
    rows.push_back(std::move(group));
  }
  for (const Group& group : rows)
    out->Counter("expert_selections_total", "Experts chosen, summed over the layers of a group.", group.selections,
                 Label("layer_group", group.name));
  for (const Group& group : rows)
    out->Gauge("expert_load_imbalance_ratio",
               "Busiest expert over the mean since the start, worst layer of the group; 1 is even.", group.imbalance,
               Label("layer_group", group.name));
}

// What was found, by group of layers: the sum over the groups is what the cache has found.
void AddAcquired(const ExpertBoard& board, const std::vector<LayerGroup>& groups, FamilyBuilder* out) {
  using Layer = ExpertBoard::Layer;
  struct Found {
    const char* name;
    std::atomic<uint64_t> Layer::*counter;
  };
  constexpr Found kFound[] = {
      {"resident", &Layer::num_hits}, {"late", &Layer::num_late}, {"absent", &Layer::num_misses}};
  const auto add = [&](const char* name, const char* help, std::atomic<uint64_t> Layer::*counter, MetricLabels labels) {
    for (const LayerGroup& group : groups) {
      double sum = 0;
      for (size_t i = group.begin; i < group.end && i < board.layers().size(); ++i)
        sum += static_cast<double>((board.layers()[i].*counter).load(kRelaxed));
      MetricLabels with_group = labels;
      with_group.push_back({"layer_group", group.name});
      out->Counter(name, help, sum, std::move(with_group));
    }
  };
  for (const Found& found : kFound)
    add("expert_acquired_total",
        "Experts that a layer wanted, by what was found: resident, late (on its way already), or absent.",
        found.counter, Label("found", found.name));
  add("expert_evictions_total", "Experts that gave up their slot.", &Layer::num_evictions, {});
}

void AddResidency(const ExpertBoard& board, const std::vector<LayerGroup>& groups, FamilyBuilder* out) {
  const std::vector<ExpertState> states = board.States();
  for (const LayerGroup& group : groups) {
    const auto begin = states.begin() + static_cast<std::ptrdiff_t>(group.begin * board.experts_per_layer());
    const auto end = states.begin() + static_cast<std::ptrdiff_t>(group.end * board.experts_per_layer());
    const auto num_resident = std::count_if(
        begin, end, [](ExpertState state) { return state == ExpertState::kResident || state == ExpertState::kPinned; });
    out->Gauge("expert_resident_ratio", "Experts in fast memory, 1 is all of the group.",
               static_cast<double>(num_resident) / static_cast<double>(end - begin), Label("layer_group", group.name));
  }
}

void AddReads(const FetchCounters& store, FamilyBuilder* out) {
  const auto by_class = [&](const auto& add) {
    for (size_t i = 0; i < kNumFetchClasses; ++i) add(i, Label("class", kFetchClasses[i]));
  };
  by_class([&](size_t i, const MetricLabels& labels) {
    out->Counter("expert_stall_seconds_total",
                 "The engine's waits for experts, by the class in which the expert waited for began to be fetched.",
                 static_cast<double>(store.wait_us[i].load(kRelaxed)) / 1e6, labels);
  });
  by_class([&](size_t i, const MetricLabels& labels) {
    out->Counter("expert_read_bytes_total", "Bytes of experts read, by why.",
                 static_cast<double>(store.bytes_read[i].load(kRelaxed)), labels);
  });
  by_class([&](size_t i, const MetricLabels& labels) {
    out->Gauge("expert_reads_pending", "Experts that are asked for and not whole, by why.",
               store.num_pending[i].load(kRelaxed), labels);
  });
  by_class([&](size_t i, const MetricLabels& labels) {
    out->Gauge("expert_read_pieces_under_way", "Reads that the disk is asked for now, by why.",
               store.num_pieces_out[i].load(kRelaxed), labels);
  });
  out->AddHistogram("expert_read_piece_seconds", "One read of a piece of an expert.", store.piece_seconds);
  by_class([&](size_t i, const MetricLabels& labels) {
    out->AddHistogram("expert_read_seconds", "From asking for an expert until it was whole, by why at its end.",
                      store.expert_seconds[i], labels);
  });
  out->Counter("expert_read_retries_total", "Reads of experts that were tried again.",
               static_cast<double>(store.num_retries.load(kRelaxed)));
  out->Counter("expert_read_failures_total", "Experts that could not be read.",
               static_cast<double>(store.num_failed.load(kRelaxed)));
  out->Gauge("expert_store_silent_seconds",
             "How long the disk has not answered although experts are being read; 0 when none are.",
             std::chrono::duration<double>(store.SilentFor(std::chrono::steady_clock::now())).count());
}

void AddExpertTier(const ExpertTier& tier, const std::vector<LayerGroup>& groups, FamilyBuilder* out) {
  if (tier.num_experts == 0) return;
  out->Gauge("experts", "Experts of the model, over all layers.", static_cast<double>(tier.num_experts));
  out->Gauge("expert_slots", "Experts that fast memory holds at once.", static_cast<double>(tier.num_slots));
  out->Gauge("expert_slot_bytes", "Fast memory of the expert slots.", static_cast<double>(tier.slot_bytes));
  if (tier.cache == nullptr) return;
  out->Gauge("expert_memory_bytes", "What of it experts take now: less where memory around the process runs short.",
             static_cast<double>(tier.cache->memory_bytes.load(kRelaxed)));
  const auto counter = [out](const char* name, const char* help, const std::atomic<uint64_t>& value,
                             MetricLabels labels = {}) {
    out->Counter(name, help, static_cast<double>(value.load(kRelaxed)), std::move(labels));
  };
  const ExpertCacheCounters& cache = *tier.cache;
  if (tier.board != nullptr) {
    AddAcquired(*tier.board, groups, out);
    AddResidency(*tier.board, groups, out);
  }
  counter("expert_absent_bytes_total", "Bytes of experts that were absent when a layer wanted them.",
          cache.demand_bytes);
  counter("expert_prefetched_total", "Experts fetched before a layer wanted them.", cache.num_prefetched);
  counter("expert_prefetched_used_total", "Of these, experts that a layer wanted before they were evicted.",
          cache.num_prefetched_used);
  const char* const guess_help =
      "Bytes of experts read on a guess: used, wasted, or of experts that a guess evicted and that were soon wanted.";
  counter("expert_guess_bytes_total", guess_help, cache.guess_used_bytes, Label("outcome", "used"));
  counter("expert_guess_bytes_total", guess_help, cache.guess_wasted_bytes, Label("outcome", "wasted"));
  counter("expert_guess_bytes_total", guess_help, cache.guess_regretted_bytes, Label("outcome", "regretted"));
  out->Gauge("expert_guess_level", "How bold guesses are: -1 none are read, 0 only nearly certain ones, at most 4.",
             cache.guess_level.load(kRelaxed));
  if (tier.store != nullptr) AddReads(*tier.store, out);
}

}  // namespace

void AddExperts(const RouteStatistics& routing, const ExpertTier& tier, FamilyBuilder* out) {
  const std::vector<LayerGroup> groups = GroupLayers(routing.moe_layers());
  AddRouting(routing, groups, out);
  AddExpertTier(tier, groups, out);
}

}  // namespace foregate
