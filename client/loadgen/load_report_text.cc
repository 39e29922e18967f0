#include "client/loadgen/load_report_text.h"

#include <cstdio>

#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

std::string RangeText(const LengthRange& range) {
  return range.min == range.max ? std::to_string(range.min)
                                : std::to_string(range.min) + " to " + std::to_string(range.max);
}

Json DistributionJson(const Distribution& d) {
  return {{"count", d.count},    {"mean", 1000 * d.mean}, {"p50", 1000 * d.p50},
          {"p90", 1000 * d.p90}, {"p99", 1000 * d.p99},   {"max", 1000 * d.max}};
}

Json ErrorsJson(const std::map<std::string, int64_t>& errors) { return errors.empty() ? Json::object() : Json(errors); }

Json LongPromptsJson(const LongPromptFlags& flags, const LongPromptReport& report) {
  return {{"tokens", flags.tokens},
          {"count", flags.count},
          {"gap_s", flags.gap_seconds},
          {"sent", report.num_sent},
          {"ok", report.num_ok},
          {"errors", ErrorsJson(report.errors)},
          {"ttft_ms", DistributionJson(report.ttft)},
          {"itl_ms_in_flight", DistributionJson(report.itl_in_flight)},
          {"itl_ms_otherwise", DistributionJson(report.itl_otherwise)},
          {"itl_p99_in_flight_over_p50_in_flight", report.stretch_in_flight},
          {"itl_p99_in_flight_over_p50_otherwise", report.stretch_over_otherwise}};
}

Json Milliseconds(const std::optional<double>& seconds) { return seconds ? Json(1000 * *seconds) : Json(nullptr); }

void AddLine(const char* name, const Distribution& d, std::string* table) {
  char line[160];
  std::snprintf(line, sizeof(line), "%-10s %10.1f %10.1f %10.1f %10.1f %10.1f\n", name, 1000 * d.mean, 1000 * d.p50,
                1000 * d.p90, 1000 * d.p99, 1000 * d.max);
  *table += line;
}

void AddLongPrompts(const LongPromptFlags& flags, const LongPromptReport& report, std::string* table) {
  char line[320];
  std::snprintf(line, sizeof(line), "\n%lld of %d long prompts of %d tokens sent, %lld succeeded\n",
                static_cast<long long>(report.num_sent), flags.count, flags.tokens,
                static_cast<long long>(report.num_ok));
  *table += line;
  for (const auto& [code, count] : report.errors) *table += "  " + code + ": " + std::to_string(count) + "\n";
  AddLine("their TTFT", report.ttft, table);
  AddLine("ITL beside", report.itl_in_flight, table);
  AddLine("otherwise", report.itl_otherwise, table);
  std::snprintf(line, sizeof(line),
                "ITL p99 beside a long prompt is %.2f times its median, %.2f times the median otherwise\n",
                report.stretch_in_flight, report.stretch_over_otherwise);
  *table += line;
}

}  // namespace

std::string LoadTable(const LoadFlags& flags, const LoadedServer& server, const LoadReport& report) {
  char line[320];
  std::string table = server.model + " (" + server.weights + ") on foregated " + server.version + ", " + server.isa +
                      ", " + std::to_string(server.threads) + " threads\n";
  std::snprintf(line, sizeof(line), "%s, prompts of %s tokens, outputs of %s\n",
                flags.plan.rate > 0 ? ("open loop, " + std::to_string(flags.plan.rate) + " requests/s arriving").c_str()
                                    : ("closed loop, " + std::to_string(flags.clients) + " clients").c_str(),
                RangeText(flags.plan.prompt).c_str(), RangeText(flags.plan.output).c_str());
  table += line;
  std::snprintf(line, sizeof(line), "\n%lld sent, %lld succeeded, %lld sent late, in %.1f s\n",
                static_cast<long long>(report.num_sent), static_cast<long long>(report.num_ok),
                static_cast<long long>(report.num_late), report.seconds);
  table += line;
  for (const auto& [code, count] : report.errors) table += "  " + code + ": " + std::to_string(count) + "\n";
  table += "\nms               mean        p50        p90        p99        max\n";
  AddLine("TTFT", report.ttft, &table);
  AddLine("ITL", report.itl, &table);
  AddLine("E2E", report.e2e, &table);
  std::snprintf(line, sizeof(line), "\noutput %.1f tokens/s, prompts %.1f tokens/s, %.3f requests/s\n",
                report.output_tokens_per_second, report.prompt_tokens_per_second, report.requests_per_second);
  table += line;
  if (report.long_prompts) AddLongPrompts(flags.long_prompts, *report.long_prompts, &table);
  if (flags.target.ttft || flags.target.itl) {
    std::snprintf(line, sizeof(line), "goodput %.3f requests/s (%.1f %% of those sent)\n", report.goodput,
                  100 * report.good_fraction);
    table += line;
  }
  return table;
}

std::string LoadJson(const LoadFlags& flags, const LoadedServer& server, const LoadReport& report) {
  const LoadPlanOptions& plan = flags.plan;
  const bool open = plan.rate > 0;
  const Json all = {
      {"load",
       {{"loop", open ? "open" : "closed"},
        {"rate", open ? Json(plan.rate) : Json(nullptr)},
        {"clients", flags.clients},
        {"prompt_tokens", Json::array({plan.prompt.min, plan.prompt.max})},
        {"output_tokens", Json::array({plan.output.min, plan.output.max})},
        {"seed", plan.seed}}},
      {"server",
       {{"version", server.version},
        {"model", server.model},
        {"weights", server.weights},
        {"isa", server.isa},
        {"threads", server.threads}}},
      {"seconds", report.seconds},
      {"requests",
       {{"sent", report.num_sent},
        {"ok", report.num_ok},
        {"late", report.num_late},
        {"errors", ErrorsJson(report.errors)}}},
      {"ttft_ms", DistributionJson(report.ttft)},
      {"itl_ms", DistributionJson(report.itl)},
      {"e2e_ms", DistributionJson(report.e2e)},
      {"requests_per_s", report.requests_per_second},
      {"prompt_tokens_per_s", report.prompt_tokens_per_second},
      {"output_tokens_per_s", report.output_tokens_per_second},
      {"goodput",
       {{"slo_ttft_ms", Milliseconds(flags.target.ttft)},
        {"slo_itl_ms", Milliseconds(flags.target.itl)},
        {"requests_per_s", report.goodput},
        {"fraction", report.good_fraction}}},
      {"long_prompts", report.long_prompts ? LongPromptsJson(flags.long_prompts, *report.long_prompts) : Json(nullptr)},
  };
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace foregate
