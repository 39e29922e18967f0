// When the requests of a load test begin, and how long they are: fixed by a seed before the test starts, so that two
// servers can be given the same load. Pure functions.
#ifndef FOREGATE_CLIENT_LOADGEN_ARRIVAL_PROCESS_H_
#define FOREGATE_CLIENT_LOADGEN_ARRIVAL_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace foregate {

// Lengths in tokens, uniform in [min, max].
struct LengthRange {
  int32_t min = 1;
  int32_t max = 1;
};

// "128" or "64:256"; none when malformed, empty, or a length is not in [1, 1000000].
std::optional<LengthRange> ParseLengthRange(std::string_view text);

struct PlannedRequest {
  double arrival_seconds = 0;  // after the test's start; 0 in a closed loop
  int32_t prompt_tokens = 0;
  int32_t output_tokens = 0;
  uint64_t prompt_seed = 0;  // of its token ids
};

struct LoadPlanOptions {
  // Open loop: requests per second of a Poisson process. 0: closed loop, each client sends when its last one ended.
  double rate = 0;
  int64_t max_requests = 0;
  // Open loop: nothing arrives later. 0: only max_requests ends it.
  double duration_seconds = 0;
  LengthRange prompt = {};
  LengthRange output = {};
  uint64_t seed = 1;
};

std::vector<PlannedRequest> PlanLoad(const LoadPlanOptions& options);

// `count` ids in [first, end) that depend on `seed` alone; end > first.
std::vector<int32_t> RandomPrompt(uint64_t seed, int32_t count, int32_t first, int32_t end);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_LOADGEN_ARRIVAL_PROCESS_H_
