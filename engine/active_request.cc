#include "engine/active_request.h"

#include <chrono>

namespace foregate {
namespace {

int64_t MicrosBetween(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

double Seconds(int64_t micros) { return static_cast<double>(micros) * 1e-6; }

}  // namespace

void RecordEnd(ActiveRequest* request, SteadyTime now, EngineMetrics* metrics) {
  RequestSummary& summary = request->summary;
  const SteadyTime arrival = request->request.arrival;
  summary.queue_us = MicrosBetween(arrival, request->was_scheduled ? request->first_scheduled : now);
  if (request->forked) summary.prefill_us = MicrosBetween(request->first_scheduled, request->prompt_done);
  if (request->has_first_token()) {
    summary.first_token_us = MicrosBetween(arrival, request->first_token);
    summary.decode_us = MicrosBetween(request->first_token, request->last_token);
  }

  metrics->requests[static_cast<size_t>(request->outcome)].Add();
  metrics->queue_time.Observe(Seconds(summary.queue_us));
  metrics->e2e_latency.Observe(Seconds(MicrosBetween(arrival, now)));
  metrics->prompt_tokens.Observe(summary.num_prompt_tokens);
  metrics->output_tokens.Observe(summary.num_generated_tokens);
  if (!request->has_first_token()) return;
  metrics->prefill_time.Observe(Seconds(summary.prefill_us));
  metrics->decode_time.Observe(Seconds(summary.decode_us));
  // Per sample: samples decode at the same time.
  for (const auto& sample : request->samples) {
    const int32_t gaps = sample->sequence.num_generated_tokens() - 1;
    if (gaps > 0)
      metrics->time_per_output_token.Observe(Seconds(MicrosBetween(request->first_token, sample->last_token)) / gaps);
  }
}

}  // namespace foregate
