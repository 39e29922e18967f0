#include "server/telemetry/metrics_collector.h"

#include <array>
#include <set>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "server/lifecycle/waiting_engine.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

using ::testing::HasSubstr;

class MetricsCollectorTest : public ::testing::Test {
 protected:
  std::string Scrape() {
    MetricsCollector collector(&state_, &calls_);
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, collector.Collect());
    return out.str();
  }

  WaitingEngine* MakeReady() {
    auto engine = std::make_unique<WaitingEngine>();
    WaitingEngine* const raw = engine.get();
    auto model = std::make_shared<ServedModel>();
    model->engine = std::move(engine);
    state_.SetReady(model);
    return raw;
  }

  const std::unique_ptr<AccessLog> no_log_ = MakeAccessLog(false);
  ServingState state_{"mini"};
  CallCounter calls_{no_log_.get()};
};

TEST_F(MetricsCollectorTest, SaysWhatItCanWhileLoading) {
  state_.SetProgress(5, 9);
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_build_info{version=\""));
  EXPECT_THAT(text, HasSubstr("foregate_phase{phase=\"loading\"} 1"));
  EXPECT_THAT(text, HasSubstr("foregate_model_load_bytes 5"));
  EXPECT_EQ(text.find("foregate_requests_running"), std::string::npos);
}

TEST_F(MetricsCollectorTest, CountsCallsByMethodAndCode) {
  AccessRecord record;
  record.method = "/a.B/C";
  record.code = "OK";
  calls_.Write(record);
  calls_.Write(record);
  EXPECT_THAT(Scrape(), HasSubstr("foregate_grpc_calls_total{method=\"/a.B/C\",code=\"OK\"} 2"));
}

TEST_F(MetricsCollectorTest, HistogramsAreCumulativeAndConsistent) {
  WaitingEngine* const engine = MakeReady();
  engine->mutable_metrics().step_tokens.Observe(1);
  engine->mutable_metrics().step_tokens.Observe(3);
  engine->mutable_metrics().step_tokens.Observe(1e9);
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_step_tokens_bucket{le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("foregate_step_tokens_bucket{le=\"4\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("foregate_step_tokens_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("foregate_step_tokens_count 3\n"));
}

TEST_F(MetricsCollectorTest, EveryPhaseOfAStepHasItsSeries) {
  WaitingEngine* const engine = MakeReady();
  engine->mutable_metrics().step_phase_time[static_cast<size_t>(StepPhase::kSample)].Observe(3e-5);
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_step_phase_seconds_count{phase=\"schedule\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("foregate_step_phase_seconds_count{phase=\"forward\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("foregate_step_phase_seconds_bucket{phase=\"sample\",le=\"5e-05\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("foregate_step_phase_seconds_count{phase=\"publish\"} 0\n"));
}

TEST_F(MetricsCollectorTest, RoutingIsGroupedAndItsImbalanceMeasured) {
  WaitingEngine* const engine = MakeReady();  // layers 1 and 3, 4 experts, top 2
  const std::vector<TraceRow> rows(2);
  const std::vector<int32_t> experts = {0, 1, 0, 2};
  engine->routing().Record(0, 1, rows, experts);
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_expert_selections_total{layer_group=\"1-1\"} 4"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_load_imbalance_ratio{layer_group=\"1-1\"} 2"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_selections_total{layer_group=\"3-3\"} 0"));
}

// The expert tier of a model with layers 1 and 3, 4 experts in each, and 3 slots.
class TierMetricsTest : public MetricsCollectorTest {
 protected:
  TierMetricsTest() {
    board_.SetSlots({&fetches_[0], &fetches_[1], &fetches_[2]});
    MakeReady()->set_expert_tier({.num_experts = 8,
                                  .num_slots = 3,
                                  .slot_bytes = 3000,
                                  .cache = &cache_,
                                  .store = &store_,
                                  .board = &board_,
                                  .source = "m.fgw"});
  }

  ExpertCacheCounters cache_;
  FetchCounters store_;
  std::array<ExpertFetch, 3> fetches_;
  ExpertBoard board_{2, 4};
};

TEST_F(TierMetricsTest, WhatWasFoundIsGroupedByLayers) {
  board_.layer_of(1).num_hits = 5;
  board_.layer_of(1).num_late = 2;
  board_.layer_of(6).num_misses = 3;
  board_.layer_of(6).num_evictions = 1;
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_expert_acquired_total{found=\"resident\",layer_group=\"1-1\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_acquired_total{found=\"late\",layer_group=\"1-1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_acquired_total{found=\"absent\",layer_group=\"1-1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_acquired_total{found=\"absent\",layer_group=\"3-3\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_evictions_total{layer_group=\"3-3\"} 1\n"));
}

TEST_F(TierMetricsTest, ResidencyIsOfExpertsThatAreWhole) {
  board_.ShowSlot(0, 0);
  board_.ShowSlot(2, 1);
  board_.ShowSlot(5, 2);
  fetches_[0].state = FetchState::kArrived;
  fetches_[1].state = FetchState::kArrived;
  fetches_[2].state = FetchState::kPending;
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_expert_resident_ratio{layer_group=\"1-1\"} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_resident_ratio{layer_group=\"3-3\"} 0\n"));
}

TEST_F(TierMetricsTest, ReadsAndWaitsAreCountedByClass) {
  store_.wait_us[2] = 1500000;
  store_.num_pending[0] = 4;
  store_.num_pieces_out[1] = 2;
  store_.piece_seconds.Observe(3e-4);
  store_.expert_seconds[1].Observe(3e-3);
  cache_.demand_bytes = 700;
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("foregate_expert_stall_seconds_total{class=\"speculative\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_stall_seconds_total{class=\"demand\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_reads_pending{class=\"demand\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_read_pieces_under_way{class=\"committed\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_read_piece_seconds_bucket{le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_read_seconds_bucket{class=\"committed\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_read_seconds_count{class=\"demand\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("foregate_expert_absent_bytes_total 700\n"));
}

TEST_F(TierMetricsTest, EveryFamilyAppearsOnceWithHelp) {
  MetricsCollector collector(&state_, &calls_);
  std::set<std::string> names;
  for (const auto& family : collector.Collect()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
  }
  EXPECT_TRUE(names.count("foregate_time_to_first_token_seconds"));
  EXPECT_TRUE(names.count("foregate_kv_cache_usage_ratio"));
}

}  // namespace
}  // namespace foregate
