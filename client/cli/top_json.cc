#include <optional>
#include <string>

#include "client/cli/text_output.h"
#include "client/cli/top_frame.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

Json OrNull(std::optional<double> value) { return value.has_value() ? Json(*value) : Json(nullptr); }

Json FoundJson(const TopFound& found) {
  return {{"hits", found.hits},
          {"late", found.late},
          {"misses", found.misses},
          {"acquired", found.acquired()},
          {"hit_rate", OrNull(HitRate(found))}};
}

Json ReadsJson(const TopPeriod& in) {
  Json reads = Json::object();
  for (size_t i = 0; i < in.reads.size(); ++i) {
    const TopReads& of = in.reads[i];
    reads[kTopReadClasses[i]] = {{"bytes", of.bytes},       {"bytes_per_s", OrNull(in.PerSecond(of.bytes))},
                                 {"stall_us", of.stall_us}, {"stall_share", OrNull(in.stall_share(of.stall_us))},
                                 {"experts", of.experts},   {"mean_expert_s", OrNull(MeanReadSeconds(of))}};
  }
  return reads;
}

Json PeriodJson(const TopView& view, const TopPeriod& in) {
  Json groups = Json::array();
  for (size_t i = 0; i < view.groups.size(); ++i) {
    Json group = {{"layers", view.groups[i].name}};
    group.update(FoundJson(in.groups[i]));
    groups.push_back(std::move(group));
  }
  return {{"seconds", in.seconds},
          {"steps", in.steps},
          {"steps_per_s", OrNull(in.PerSecond(in.steps))},
          {"step_us", in.step_us},
          {"generated_tokens", in.generated_tokens},
          {"generated_tokens_per_s", OrNull(in.PerSecond(in.generated_tokens))},
          {"computed_prompt_tokens", in.computed_prompt_tokens},
          {"cached_prompt_tokens", in.cached_prompt_tokens},
          {"found", FoundJson(in.found)},
          {"layer_groups", std::move(groups)},
          {"evictions", in.evictions},
          {"stall_us", in.stall_us},
          {"stall_share", OrNull(in.stall_share(in.stall_us))},
          {"guess_precision", OrNull(in.guess_precision())},
          {"guess_recall", OrNull(in.guess_recall())},
          {"reads", ReadsJson(in)}};
}

Json TierJson(const TopView& view) {
  const auto& tier = view.snapshot.experts.tier();
  Json groups = Json::array();
  for (const TopGroup& group : view.groups)
    groups.push_back({{"layers", group.name}, {"experts", group.num_experts}, {"in_memory", group.num_in_memory}});
  Json queue = Json::object();
  for (const auto& reads : tier.reads()) {
    const int at = reads.read_class() - experts::v1::EXPERT_READ_CLASS_DEMAND;
    if (at < 0 || static_cast<size_t>(at) >= kTopReadClasses.size()) continue;
    queue[kTopReadClasses[static_cast<size_t>(at)]] = {{"pending_experts", reads.pending_experts()},
                                                       {"pieces_under_way", reads.pieces_under_way()}};
  }
  Json busiest = Json::array();
  for (const TopExpert& expert : view.busiest)
    busiest.push_back({{"layer", expert.layer},
                       {"expert", expert.expert},
                       {"share", expert.share},
                       {"residency", ResidencyName(expert.residency)}});
  return {{"experts", tier.num_experts()},       {"slots", tier.num_slots()},
          {"slot_bytes", tier.slot_bytes()},     {"memory_bytes", tier.memory_bytes()},
          {"silent_us", tier.silent_us()},       {"in_memory", view.num_in_memory},
          {"holds_all", tier.holds_all()},       {"source", tier.source()},
          {"prefetch", tier.prefetch()},         {"guess_level", tier.guess_level()},
          {"read_retries", tier.read_retries()}, {"read_failures", tier.read_failures()},
          {"queue", std::move(queue)},           {"layer_groups", std::move(groups)},
          {"busiest", std::move(busiest)}};
}

}  // namespace

std::string TopJson(const TopView& view) {
  const auto& load = view.snapshot.load;
  const Json json = {{"model", view.snapshot.model_name},
                     {"state", StateName(view.snapshot.server.state())},
                     {"unix_ms", load.unix_ms()},
                     {"running_requests", load.running_requests()},
                     {"waiting_requests", load.waiting_requests()},
                     {"waiting_tokens", load.waiting_tokens()},
                     {"kv_blocks", load.kv_blocks_total()},
                     {"kv_blocks_used", load.kv_blocks_used()},
                     {"kv_blocks_cached", load.kv_blocks_cached()},
                     {"tier", TierJson(view)},
                     {"since_start", PeriodJson(view, view.since_start)},
                     {"now", view.now.has_value() ? PeriodJson(view, *view.now) : Json(nullptr)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace foregate
