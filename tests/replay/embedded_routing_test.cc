// The routing of the embedded model, family of tasks by family, as its daemon recorded it (tests/data/traces, made by
// tools/analysis/specialisation.py): what caching and prefetching promise holds for routing that a trained model did.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/replay/replay.h"

namespace foregate {
namespace {

using Kind = PrefetchSource::Kind;

const std::map<std::string, ReplayTrace>& Traces() {
  static const auto* const traces = [] {
    auto* read = new std::map<std::string, ReplayTrace>;
    for (const auto& entry : std::filesystem::directory_iterator("tests/data/traces")) {
      if (entry.path().extension() != ".fgr") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      auto reader = TraceReader::Open(file, entry.path());
      if (!reader.ok()) ADD_FAILURE() << reader.status();
      auto trace = ReplayTrace::Read(*reader);
      if (!trace.ok()) ADD_FAILURE() << trace.status();
      EXPECT_TRUE(reader->torn().ok()) << reader->torn();
      read->emplace(entry.path().stem(), *std::move(trace));
    }
    return read;
  }();
  return *traces;
}

uint64_t Share(const ReplayTrace& trace, double share) {
  return static_cast<uint64_t>(share * static_cast<double>(trace.num_experts() * trace.expert_bytes(0)));
}

// A disk that reads an expert in twice the time of computing one: where prefetching has something to win and to lose.
ReplayOptions Options(const ReplayTrace& trace, double share) {
  ReplayOptions options;
  options.memory_bytes = Share(trace, share);
  options.expert_seconds = 1e-4;
  options.bytes_per_second = static_cast<double>(trace.expert_bytes(0)) / 2e-4;
  return options;
}

TEST(EmbeddedRouting, IsThatOfTheModel) {
  ASSERT_GE(Traces().size(), 30u);
  for (const auto& [family, trace] : Traces()) {
    EXPECT_EQ(trace.header().num_experts, 16) << family;
    EXPECT_EQ(trace.header().top_k, 2) << family;
    EXPECT_EQ(trace.header().layers.size(), 6u) << family;
    EXPECT_GT(trace.num_steps(), 10u) << family;
  }
}

// Experts are specialised: a quarter of them would do a quarter of an even model's work.
TEST(EmbeddedRouting, AFamilyPrefersFewExperts) {
  double sum = 0;
  for (const auto& [family, trace] : Traces()) {
    std::vector<std::vector<double>> chosen(6, std::vector<double>(16));
    for (size_t i = 0; i < trace.num_visits(); ++i) {
      const ReplayTrace::Visit visit = trace.visit(i);
      for (const int32_t expert : visit.choices)
        ++chosen[static_cast<size_t>(visit.layer_index)][static_cast<size_t>(expert)];
    }
    double share = 0;
    for (std::vector<double>& layer : chosen) {
      std::sort(layer.rbegin(), layer.rend());
      share +=
          std::accumulate(layer.begin(), layer.begin() + 4, 0.0) / std::accumulate(layer.begin(), layer.end(), 0.0);
    }
    EXPECT_GT(share / 6, 0.35) << family;
    sum += share / 6;
  }
  EXPECT_GT(sum / static_cast<double>(Traces().size()), 0.45);
}

TEST(EmbeddedRouting, NoPolicyBeatsTheBound) {
  for (const auto& [family, trace] : Traces()) {
    for (const double share : {0.125, 0.25, 0.5}) {
      ReplayOptions options = Options(trace, share);
      options.policy = EvictFarthestUse;
      const double bound = Replay(trace, options)->total.hit_rate();
      for (const NamedEvictionPolicy& named : EvictionPolicies()) {
        options.policy = named.policy;
        EXPECT_LE(Replay(trace, options)->total.hit_rate(), bound + 1e-12) << family << " " << named.name << share;
      }
    }
  }
}

TEST(EmbeddedRouting, TheDefaultPolicyReadsNoMoreThanLru) {
  for (const double share : {0.125, 0.25, 0.5, 0.75}) {
    uint64_t expected = 0, lru = 0;
    for (const auto& [family, trace] : Traces()) {
      ReplayOptions options = Options(trace, share);
      expected += Replay(trace, options)->total.bytes_read;
      options.policy = EvictLeastRecentlyUsed;
      lru += Replay(trace, options)->total.bytes_read;
    }
    EXPECT_LE(static_cast<double>(expected), 1.005 * static_cast<double>(lru)) << share;
  }
}

// What a pre-gate commits is read while the layer before computes, and every byte of it is used.
TEST(EmbeddedRouting, CommittedReadsAreNeverSlower) {
  for (const auto& [family, trace] : Traces()) {
    for (const double share : {0.25, 0.5}) {
      for (const int32_t lead : {1, 2}) {
        ReplayOptions options = Options(trace, share);
        const ReplayResult demand = *Replay(trace, options);
        options.source = {.kind = Kind::kCommitted, .lead = lead};
        const ReplayResult committed = *Replay(trace, options);
        EXPECT_LT(committed.seconds(), demand.seconds()) << family << " " << share << " " << lead;
        EXPECT_EQ(committed.wasted_bytes, 0u) << family;
      }
    }
  }
}

// Guesses may be wrong; the governor sees to it that they cost nothing. Of one short trace, what it tried first counts.
TEST(EmbeddedRouting, GovernedGuessesAreNotSlower) {
  for (const double share : {0.25, 0.5}) {
    double guessed = 0, plain = 0;
    for (const auto& [family, trace] : Traces()) {
      const ReplayTrace longer = *trace.Repeat(4);
      ReplayOptions options = Options(trace, share);
      const double demand = Replay(longer, options)->seconds();
      options.source = {.kind = Kind::kPredictor};
      options.is_governed = true;
      const double governed = Replay(longer, options)->seconds();
      EXPECT_LT(governed, 1.03 * demand) << family << " " << share;
      guessed += governed;
      plain += demand;
    }
    EXPECT_LE(guessed, plain) << share;
  }
}

}  // namespace
}  // namespace foregate
