#include "client/cli/top_frame.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "nlohmann/json.hpp"

namespace foregate {
namespace {

namespace pb = ::foregate::experts::v1;

// 10 layers of 4 experts, numbered from 2 on; 12 slots.
TopSnapshot MakeSnapshot() {
  TopSnapshot of;
  of.taken_s = 100;
  of.model_name = "mini";
  of.server.set_state(discovery::v1::SERVER_STATE_READY);
  of.server.set_isa("avx2");
  of.server.set_compute_threads(2);
  of.server.set_start_unix_ms(1000000);
  of.load.set_unix_ms(1000000 + (86400 + 3723) * 1000);
  of.load.set_running_requests(3);
  of.load.set_waiting_requests(2);
  of.load.set_kv_blocks_total(128);
  of.load.set_kv_blocks_used(64);
  of.load.set_engine_steps(1000);
  of.load.set_step_us(50000000);
  of.load.set_generated_tokens(5000);
  of.experts.set_num_experts(4);
  for (int i = 0; i < 10; ++i) {
    auto* layer = of.experts.add_layers();
    layer->set_layer(i + 2);
    for (int expert = 0; expert < 4; ++expert) {
      layer->add_counts(static_cast<uint64_t>(100 - 10 * expert));
      layer->add_residency(expert == 0 ? pb::EXPERT_RESIDENCY_RESIDENT : pb::EXPERT_RESIDENCY_ABSENT);
    }
    layer->set_hits(60);
    layer->set_late(10);
    layer->set_misses(30);
  }
  auto* tier = of.experts.mutable_tier();
  tier->set_num_experts(40);
  tier->set_num_slots(12);
  tier->set_slot_bytes(12000000);
  tier->set_memory_bytes(12000000);
  tier->set_source("m.fgw, with io_uring");
  tier->set_prefetch("router");
  tier->set_guess_level(1);
  tier->set_hits(600);
  tier->set_late(100);
  tier->set_misses(300);
  tier->set_stall_us(5000000);
  tier->set_absent_bytes(300);
  tier->set_guess_used_bytes(100);
  tier->set_guess_wasted_bytes(300);
  for (int i = 1; i <= 3; ++i) {
    auto* reads = tier->add_reads();
    reads->set_read_class(static_cast<pb::ExpertReadClass>(i));
    reads->set_bytes_read(1000000000);
    reads->set_stall_us(1000000);
    reads->set_experts_read(100);
    reads->set_expert_read_us(400000);
  }
  return of;
}

// Two seconds later.
TopSnapshot MakeLater() {
  TopSnapshot of = MakeSnapshot();
  of.taken_s += 2;
  of.load.set_unix_ms(of.load.unix_ms() + 2000);
  of.load.set_engine_steps(1040);
  of.load.set_step_us(52000000);
  of.load.set_generated_tokens(5080);
  auto* layer = of.experts.mutable_layers(9);
  layer->set_hits(69);
  layer->set_misses(31);
  layer->set_counts(3, 76);
  layer->set_counts(1, 92);
  layer->set_residency(1, pb::EXPERT_RESIDENCY_PINNED);
  layer->set_residency(3, pb::EXPERT_RESIDENCY_LOADING);
  auto* tier = of.experts.mutable_tier();
  tier->set_hits(609);
  tier->set_misses(301);
  tier->set_stall_us(5500000);
  tier->mutable_reads(0)->set_bytes_read(1400000000);
  tier->mutable_reads(0)->set_stall_us(1500000);
  tier->mutable_reads(0)->set_pending_experts(7);
  return of;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string LineOf(const std::vector<std::string>& lines, const std::string& begin) {
  for (const std::string& line : lines) {
    if (line.compare(0, begin.size(), begin) == 0) return line;
  }
  return "no line begins with " + begin;
}

TEST(TopView, RatesAreDifferencesOfTwoAnswers) {
  const TopSnapshot before = MakeSnapshot();
  const TopView view = MakeTopView(&before, MakeLater());
  ASSERT_TRUE(view.now.has_value());
  const TopPeriod& now = *view.now;
  EXPECT_DOUBLE_EQ(*now.PerSecond(now.steps), 20);
  EXPECT_DOUBLE_EQ(*now.PerSecond(now.generated_tokens), 40);
  EXPECT_DOUBLE_EQ(*HitRate(now.found), 0.9);
  EXPECT_DOUBLE_EQ(*now.stall_share(now.stall_us), 0.25);
  EXPECT_DOUBLE_EQ(*now.PerSecond(now.reads[0].bytes), 200e6);
  EXPECT_EQ(now.guess_precision(), std::nullopt);
  EXPECT_DOUBLE_EQ(*HitRate(view.since_start.found), 609.0 / 1010);
  EXPECT_DOUBLE_EQ(*view.since_start.guess_precision(), 0.25);
  EXPECT_DOUBLE_EQ(*view.since_start.guess_recall(), 0.25);
}

TEST(TopView, LayersAreInAtMostEightGroupsThatHaveThemAll) {
  const TopSnapshot before = MakeSnapshot();
  const TopView view = MakeTopView(&before, MakeLater());
  ASSERT_EQ(view.groups.size(), 8u);
  EXPECT_EQ(view.groups.front().name, "2-2");
  EXPECT_EQ(view.groups.back().name, "10-11");
  EXPECT_EQ(view.groups.back().num_experts, 8u);
  EXPECT_EQ(view.groups.back().num_in_memory, 3u);  // what is loading is not there
  EXPECT_EQ(view.num_in_memory, 11u);
  TopFound sum;
  for (const TopFound& found : view.since_start.groups) {
    sum.hits += found.hits;
    sum.late += found.late;
    sum.misses += found.misses;
  }
  EXPECT_EQ(sum.hits, 609u);
  EXPECT_EQ(sum.acquired(), 1010u);
  EXPECT_EQ(view.now->groups.back().acquired(), 10u);
}

TEST(TopView, TheBusiestAreThoseOfLate) {
  const TopSnapshot before = MakeSnapshot();
  const TopView view = MakeTopView(&before, MakeLater());
  ASSERT_EQ(view.busiest.size(), 2u);
  EXPECT_EQ(view.busiest[0].layer, 11);
  EXPECT_EQ(view.busiest[0].expert, 3);
  EXPECT_DOUBLE_EQ(view.busiest[0].share, 0.75);
  EXPECT_EQ(view.busiest[0].residency, pb::EXPERT_RESIDENCY_LOADING);
  EXPECT_EQ(view.busiest[1].expert, 1);
  // Nothing was chosen meanwhile: those since the start.
  EXPECT_EQ(MakeTopView(&before, before).busiest.size(), kTopExpertsShown);
}

TEST(TopView, AServerThatWasRestartedHasNoPast) {
  const TopSnapshot before = MakeSnapshot();
  TopSnapshot now = MakeLater();
  now.server.set_start_unix_ms(now.server.start_unix_ms() + 1);
  EXPECT_FALSE(MakeTopView(&before, now).now.has_value());
  EXPECT_FALSE(MakeTopView(nullptr, now).now.has_value());
}

TEST(TopFrame, SaysWhatHappensNow) {
  const TopSnapshot before = MakeSnapshot();
  const std::vector<std::string> lines = TopFrame(MakeTopView(&before, MakeLater()), {});
  EXPECT_EQ(lines[0], "foregate top - mini, ready, up 1 d 01:02:05, avx2 with 2 threads");
  EXPECT_EQ(LineOf(lines, "requests"), "requests  3 running, 2 waiting (0 tokens)");
  EXPECT_EQ(LineOf(lines, "tokens"), "tokens    40.0/s generated, 0.0/s of prompts, 0.0/s found in the prefix cache");
  EXPECT_EQ(LineOf(lines, "steps"), "steps     20.0/s, 50.00 ms each");
  EXPECT_EQ(LineOf(lines, "hit rate"),
            "hit rate  now   90.0 % (late   0.0 %)   since the start   60.3 % (late   9.9 %)");
  EXPECT_EQ(LineOf(lines, "10-11"), "10-11     [#######.............]  37.5 %   [##################..]  90.0 %");
  EXPECT_EQ(LineOf(lines, "2-2"), "2-2       [#####...............]  25.0 %   [....................]       -");
  EXPECT_NE(LineOf(lines, "demand").find("200.0 MB/s"), std::string::npos) << Joined(lines);
  EXPECT_NE(LineOf(lines, "demand").find("25.0 %"), std::string::npos) << Joined(lines);
  EXPECT_NE(LineOf(lines, "prefetch").find("level is 1"), std::string::npos) << Joined(lines);
}

TEST(TopFrame, FitsAnySize) {
  TopSnapshot now = MakeLater();
  now.experts.mutable_tier()->set_source("a\x1b[2Jb\n\xc3\xa4\xc3\xb6\xc3\xbc" + std::string(300, 'x'));
  const TopSnapshot before = MakeSnapshot();
  const TopView view = MakeTopView(&before, now);
  const size_t all = TopFrame(view, {}).size();
  for (const size_t columns : {0u, 1u, 13u, 14u, 40u, 80u, 200u}) {
    for (const size_t rows : {0u, 1u, 7u, 24u, 100u}) {
      const std::vector<std::string> lines = TopFrame(view, {.columns = columns, .rows = rows});
      EXPECT_EQ(lines.size(), std::min<size_t>(all, rows));
      for (const std::string& line : lines) {
        const auto characters = std::count_if(line.begin(), line.end(),
                                              [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
        EXPECT_LE(static_cast<size_t>(characters), columns);
        for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
      }
    }
  }
}

TEST(TopFrame, SaysWhatWasGivenBackAndThatTheDiskIsSilent) {
  TopSnapshot now = MakeLater();
  EXPECT_EQ(Joined(TopFrame(MakeTopView(nullptr, now), {})).find("given back"), std::string::npos);
  EXPECT_EQ(LineOf(TopFrame(MakeTopView(nullptr, now), {}), "disk"), "no line begins with disk");
  now.experts.mutable_tier()->set_memory_bytes(4000000);
  now.experts.mutable_tier()->set_silent_us(2500000);
  const std::vector<std::string> lines = TopFrame(MakeTopView(nullptr, now), {});
  EXPECT_NE(LineOf(lines, "experts").find("12 slots, 4.0 MB of 12.0 MB: the others were given back"), std::string::npos)
      << Joined(lines);
  EXPECT_EQ(LineOf(lines, "disk"), "disk      no answer for 2.5 s");
}

TEST(TopFrame, AModelInMemoryHasNoReadsToShow) {
  TopSnapshot now = MakeSnapshot();
  auto* tier = now.experts.mutable_tier();
  tier->Clear();
  tier->set_num_experts(40);
  tier->set_num_slots(40);
  tier->set_slot_bytes(40000000);
  tier->set_holds_all(true);
  const std::vector<std::string> lines = TopFrame(MakeTopView(nullptr, now), {});
  EXPECT_EQ(LineOf(lines, "experts"), "experts   all 40 stay in memory, 40.0 MB");
  EXPECT_EQ(Joined(lines).find("hit rate"), std::string::npos) << Joined(lines);
  EXPECT_NE(Joined(lines).find("busiest experts"), std::string::npos) << Joined(lines);
  EXPECT_NE(lines[0].find("(rates: mean since the start)"), std::string::npos) << lines[0];
}

TEST(TopFrame, AServerWithoutExpertsIsShownAsWell) {
  TopSnapshot now;
  now.experts.mutable_tier()->set_holds_all(true);
  EXPECT_GT(TopFrame(MakeTopView(nullptr, now), {}).size(), 4u);
  EXPECT_TRUE(nlohmann::json::parse(TopJson(MakeTopView(&now, now)))["now"]["found"]["hit_rate"].is_null());
}

TEST(TopJson, IsOneObjectInALine) {
  const TopSnapshot before = MakeSnapshot();
  const std::string text = TopJson(MakeTopView(&before, MakeLater()));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["model"], "mini");
  EXPECT_EQ(json["state"], "ready");
  EXPECT_EQ(json["tier"]["in_memory"], 11);
  EXPECT_EQ(json["tier"]["queue"]["demand"]["pending_experts"], 7);
  EXPECT_EQ(json["tier"]["busiest"][0]["residency"], "loading");
  EXPECT_EQ(json["since_start"]["found"]["acquired"], 1010);
  EXPECT_EQ(json["now"]["found"]["hit_rate"], 0.9);
  EXPECT_EQ(json["now"]["reads"]["demand"]["bytes_per_s"], 200e6);
  EXPECT_TRUE(json["now"]["guess_precision"].is_null());
  EXPECT_EQ(json["now"]["layer_groups"][7]["layers"], "10-11");
  EXPECT_TRUE(nlohmann::json::parse(TopJson(MakeTopView(nullptr, before)))["now"].is_null());
}

}  // namespace
}  // namespace foregate
