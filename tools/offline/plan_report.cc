#include "tools/offline/plan_report.h"

#include <cstdarg>
#include <cstdio>

#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

__attribute__((format(printf, 1, 2))) std::string Text(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

double GiB(uint64_t bytes) { return static_cast<double>(bytes) / (uint64_t{1} << 30); }
double MiB(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string Row(const char* what, uint64_t bytes, const std::string& about) {
  return Text("  %-24s %9.3f GiB", what, GiB(bytes)) + (about.empty() ? "" : "   " + about) + "\n";
}

// How many experts a class of slots is for.
size_t ExpertsOf(const SlotPlan& slots, size_t slot_class) {
  size_t count = 0;
  for (const size_t of : slots.class_of) count += of == slot_class ? 1 : 0;
  return count;
}

std::string ExpertRows(const ModelPlan& plan) {
  const SlotPlan& slots = plan.slots;
  const size_t num_experts = slots.class_of.size();
  std::string text = Row("experts", plan.memory.expert_bytes,
                         Text("%zu of %zu at once (%.1f %%)", slots.num_slots(), num_experts,
                              100.0 * static_cast<double>(slots.num_slots()) / static_cast<double>(num_experts)));
  for (size_t i = 0; slots.classes.size() > 1 && i < slots.classes.size(); ++i)
    text += Row(Text("  of %.2f MiB each", MiB(slots.classes[i].block_bytes)).c_str(),
                slots.classes[i].block_bytes * slots.classes[i].num_slots,
                Text("%zu of %zu", slots.classes[i].num_slots, ExpertsOf(slots, i)));
  return text;
}

std::string MemoryTable(const PlanReport& report) {
  const MemoryDivision& division = report.division;
  const MemoryPlan& memory = division.plan.memory;
  const auto kv_tokens = static_cast<uint64_t>(division.kv_bytes) / std::max<uint64_t>(1, memory.kv_bytes_per_token);
  return Row("weights of every token", memory.dense_bytes, "") + ExpertRows(division.plan) +
         (memory.expert_store_bytes > 0 ? Row("copies of experts", memory.expert_store_bytes, "") : "") +
         Row("buffers", memory.workspace_bytes, "") +
         Row("KV cache", static_cast<uint64_t>(division.kv_bytes),
             Text("%llu tokens, %llu bytes each; a sequence has up to %d", static_cast<unsigned long long>(kv_tokens),
                  static_cast<unsigned long long>(memory.kv_bytes_per_token), division.sequence_tokens)) +
         Row("process", division.process_bytes, "") +
         Row("together",
             memory.weights_bytes() + memory.workspace_bytes + static_cast<uint64_t>(division.kv_bytes) +
                 division.process_bytes,
             Text("of %.3f GiB (%s)", GiB(division.limit.bytes), division.limit.source.c_str())) +
         Row("all experts stay from", division.all_resident_bytes, "on");
}

std::string RateLines(const PlanReport& report) {
  const std::string format = report.division.plan.step.expert_format;
  std::string text = Text("memory: %.1f GB/s", report.read_bytes_per_second / 1e9) + ", " + report.read_origin +
                     Text("; one row in %s reaches %.0f %% of it\n", format.c_str(), 100 * report.reach.of_reading) +
                     Text("computing: %.0f GOP/s", report.ops_per_second / 1e9) + ", " + report.ops_origin +
                     Text("; %s reaches %.0f %% of it\n", format.c_str(), 100 * report.reach.of_computing);
  if (report.disk_bytes_per_second > 0)
    text += Text("disk: %.2f GB/s, ", report.disk_bytes_per_second / 1e9) + report.disk_origin +
            Text(report.has_disk_shape ? " with %d reads of %u KiB at once" : " (assumed: %d reads of %u KiB at once)",
                 report.disk_shape.depth, report.disk_shape.piece_bytes >> 10) +
            Text("; experts get %.0f %% of it\n", 100 * kDiskReach);
  text += "routing: " + report.routing + "\n";
  if (report.disk_bytes_per_second > 0)
    text += "read ahead: " + (report.prefetch.empty() ? std::string("nothing") : report.prefetch) + "\n";
  return text;
}

std::string ForecastTable(const PlanReport& report) {
  std::string text = Text("%7s %10s %12s %10s %10s %14s %14s %15s\n", "streams", "tokens/s", "not ahead", "resident",
                          "bound by", "read per token", "hits not ahead", "experts a layer");
  for (const DecodeForecast& forecast : report.forecasts)
    text += Text("%7zu %10.2f %12.2f %10.2f %10s %11.0f MB %12.1f %% %15.1f\n", forecast.num_streams,
                 forecast.tokens_per_second, forecast.demand_tokens_per_second, forecast.resident_tokens_per_second,
                 forecast.bound == DecodeForecast::Bound::kDisk ? "disk" : "computing",
                 forecast.read_bytes_per_token / 1e6, 100 * forecast.demand_hit_rate, forecast.experts_per_layer);
  text +=
      "tokens/s of all streams together, what is read per token with reads ahead; `not ahead`: every expert read when "
      "a layer wants it; `resident`: were all experts in memory\n";
  for (const std::string& note : report.notes) text += note + "\n";
  return text;
}

Json MemoryJson(const MemoryDivision& division) {
  const ModelPlan& plan = division.plan;
  Json classes = Json::array();
  for (size_t i = 0; i < plan.slots.classes.size(); ++i)
    classes.push_back({{"expert_bytes", plan.slots.classes[i].block_bytes},
                       {"slots", plan.slots.classes[i].num_slots},
                       {"experts", ExpertsOf(plan.slots, i)}});
  return {{"limit_bytes", division.limit.bytes},
          {"limit_source", division.limit.source},
          {"dense_bytes", plan.memory.dense_bytes},
          {"expert_bytes", plan.memory.expert_bytes},
          {"all_expert_bytes", plan.memory.all_expert_bytes},
          {"slots", plan.slots.num_slots()},
          {"experts", plan.slots.class_of.size()},
          {"slot_classes", classes},
          {"buffer_bytes", plan.memory.workspace_bytes},
          {"kv_bytes", division.kv_bytes},
          {"kv_bytes_per_token", plan.memory.kv_bytes_per_token},
          {"sequence_tokens", division.sequence_tokens},
          {"process_bytes", division.process_bytes},
          {"all_resident_bytes", division.all_resident_bytes}};
}

}  // namespace

std::string PlanTable(const PlanReport& report) {
  return report.model + ": " + report.division.plan.architecture + ", " + report.division.plan.weights_format + "\n\n" +
         MemoryTable(report) + "\n" + RateLines(report) + "\n" + ForecastTable(report);
}

std::string PlanJson(const PlanReport& report) {
  Json forecasts = Json::array();
  for (const DecodeForecast& forecast : report.forecasts)
    forecasts.push_back({{"streams", forecast.num_streams},
                         {"tokens_per_second", forecast.tokens_per_second},
                         {"demand_tokens_per_second", forecast.demand_tokens_per_second},
                         {"resident_tokens_per_second", forecast.resident_tokens_per_second},
                         {"bound", forecast.bound == DecodeForecast::Bound::kDisk ? "disk" : "computing"},
                         {"read_bytes_per_token", forecast.read_bytes_per_token},
                         {"demand_read_bytes_per_token", forecast.demand_read_bytes_per_token},
                         {"demand_hit_rate", forecast.demand_hit_rate},
                         {"experts_per_layer", forecast.experts_per_layer},
                         {"replayed_steps", forecast.num_steps}});
  const Json json = {{"model", report.model},
                     {"architecture", report.division.plan.architecture},
                     {"weights", report.division.plan.weights_format},
                     {"memory", MemoryJson(report.division)},
                     {"context_tokens", report.context_tokens},
                     {"threads", report.num_threads},
                     {"read_bytes_per_second", report.read_bytes_per_second},
                     {"ops_per_second", report.ops_per_second},
                     {"reach_of_reading", report.reach.of_reading},
                     {"reach_of_computing", report.reach.of_computing},
                     {"reading", report.read_origin},
                     {"computing", report.ops_origin},
                     {"disk_bytes_per_second", report.disk_bytes_per_second},
                     {"disk_request_bytes", report.disk_shape.piece_bytes},
                     {"disk_requests_at_once", report.disk_shape.depth},
                     {"disk", report.disk_origin},
                     {"routing", report.routing},
                     {"read_ahead", report.prefetch},
                     {"notes", report.notes},
                     {"decode", forecasts}};
  return json.dump(2) + "\n";
}

}  // namespace foregate
