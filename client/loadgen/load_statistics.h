// What a load test saw, request by request, and what that amounts to. Values and pure functions.
#ifndef FOREGATE_CLIENT_LOADGEN_LOAD_STATISTICS_H_
#define FOREGATE_CLIENT_LOADGEN_LOAD_STATISTICS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace foregate {

// Times are seconds after the test's start.
class RequestRecord {
 public:
  RequestRecord() = default;
  // `arrival` is when the request was due; `sent` is later when every client was busy.
  RequestRecord(double arrival, double sent, int32_t prompt_tokens)
      : arrival_(arrival), sent_(sent), last_(arrival), prompt_tokens_(prompt_tokens) {}

  // `count` (at least 1) tokens came in one message. The time since the message before is divided between them.
  void AddTokens(double time, int32_t count);
  void End(double time, absl::StatusCode code);

  bool finished() const { return code_.has_value(); }
  bool ok() const { return code_ == absl::StatusCode::kOk; }
  absl::StatusCode code() const { return *code_; }
  double arrival() const { return arrival_; }
  double sent() const { return sent_; }
  double end() const { return last_; }
  int32_t prompt_tokens() const { return prompt_tokens_; }
  int64_t num_tokens() const { return num_tokens_; }
  // From arrival to the first token, which is what a user waits; a request that had to wait for a client counts it.
  std::optional<double> ttft() const { return ttft_; }
  double e2e() const { return last_ - arrival_; }
  // One per token but the first message's first.
  const std::vector<float>& itls() const { return itls_; }

 private:
  double arrival_ = 0, sent_ = 0, last_ = 0;
  int32_t prompt_tokens_ = 0;
  int64_t num_tokens_ = 0;
  std::optional<double> ttft_;
  std::vector<float> itls_;
  std::optional<absl::StatusCode> code_;
};

// Seconds.
struct Distribution {
  int64_t count = 0;
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};
// Percentiles by nearest rank: each is a value that occurred. All zero for no values.
Distribution Distribute(std::vector<double> values);

// A request is good when it succeeded, its TTFT is at most `ttft` and the mean of its ITLs at most `itl`. Seconds;
// unset asks for nothing.
struct LatencyTarget {
  std::optional<double> ttft;
  std::optional<double> itl;
};

// What streams felt while long prompts were in flight: between sending one and its first token (or its failure).
struct LongPromptReport {
  int64_t num_sent = 0;
  int64_t num_ok = 0;
  std::map<std::string, int64_t> errors;  // by status code
  Distribution ttft;                      // of the long prompts
  // Of the other requests that succeeded: times between tokens whose middle lies within such a time, and the rest.
  Distribution itl_in_flight, itl_otherwise;
  // p99 in flight, as a multiple of the median in flight, and of the median otherwise; 0 where there is none.
  double stretch_in_flight = 0, stretch_over_otherwise = 0;
};

struct LoadReport {
  double seconds = 0;  // from the first arrival that was sent to the last end
  int64_t num_sent = 0;
  int64_t num_ok = 0;
  int64_t num_late = 0;                   // sent more than 10 ms after arrival
  std::map<std::string, int64_t> errors;  // by status code
  Distribution ttft, itl, e2e;            // of requests that succeeded
  int64_t prompt_tokens = 0;              // of requests that succeeded
  int64_t output_tokens = 0;              // of all requests: work that was done
  double requests_per_second = 0;         // succeeded
  double output_tokens_per_second = 0;
  double prompt_tokens_per_second = 0;
  double goodput = 0;                            // good requests per second
  double good_fraction = 0;                      // of those sent
  std::optional<LongPromptReport> long_prompts;  // which do not count in any of the above
};

// Records that did not finish are left out: they were never sent. Leaves long_prompts unset.
LoadReport Summarize(const std::vector<RequestRecord>& records, const LatencyTarget& target);

// Records that did not finish are left out.
LongPromptReport SummarizeLongPrompts(const std::vector<RequestRecord>& long_prompts,
                                      const std::vector<RequestRecord>& others);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_LOADGEN_LOAD_STATISTICS_H_
