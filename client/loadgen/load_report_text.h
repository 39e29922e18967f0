// A load test's report for people and for programs.
#ifndef FOREGATE_CLIENT_LOADGEN_LOAD_REPORT_TEXT_H_
#define FOREGATE_CLIENT_LOADGEN_LOAD_REPORT_TEXT_H_

#include <string>

#include "client/loadgen/load_flags.h"
#include "client/loadgen/load_statistics.h"

namespace foregate {

// What was loaded, as the server says.
struct LoadedServer {
  std::string version, model, weights, isa;
  int threads = 0;
};

std::string LoadTable(const LoadFlags& flags, const LoadedServer& server, const LoadReport& report);

// {"load": {"loop", "rate" or null, "clients", "prompt_tokens": [min, max], "output_tokens": [min, max], "seed"},
// "server": {..}, "seconds", "requests": {"sent", "ok", "late", "errors": {code: count}}, "ttft_ms", "itl_ms",
// "e2e_ms":
// {"count", "mean", "p50", "p90", "p99", "max"}, "requests_per_s", "prompt_tokens_per_s", "output_tokens_per_s",
// "goodput": {"slo_ttft_ms", "slo_itl_ms": number or null, "requests_per_s", "fraction"},
// "long_prompts": null or {"tokens", "count", "gap_s", "sent", "ok", "errors", "ttft_ms", "itl_ms_in_flight",
// "itl_ms_otherwise", "itl_p99_in_flight_over_p50_in_flight", "itl_p99_in_flight_over_p50_otherwise"}}.
std::string LoadJson(const LoadFlags& flags, const LoadedServer& server, const LoadReport& report);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_LOADGEN_LOAD_REPORT_TEXT_H_
