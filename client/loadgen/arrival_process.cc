#include "client/loadgen/arrival_process.h"

#include <charconv>
#include <cmath>
#include <random>

namespace foregate {
namespace {

constexpr int32_t kMaxTokens = 1000000;

std::optional<int32_t> ParseLength(std::string_view text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kMaxTokens) return std::nullopt;
  return value;
}

// The standard's distributions may differ between libraries; these do not.
double UnitInterval(std::mt19937_64* bits) { return static_cast<double>((*bits)() >> 11) * 0x1p-53; }

int32_t Draw(const LengthRange& range, std::mt19937_64* bits) {
  const auto span = static_cast<uint64_t>(range.max - range.min) + 1;
  return range.min + static_cast<int32_t>((*bits)() % span);
}

}  // namespace

std::optional<LengthRange> ParseLengthRange(std::string_view text) {
  const size_t colon = text.find(':');
  const auto min = ParseLength(text.substr(0, colon));
  const auto max = colon == std::string_view::npos ? min : ParseLength(text.substr(colon + 1));
  if (!min || !max || *max < *min) return std::nullopt;
  return LengthRange{*min, *max};
}

std::vector<PlannedRequest> PlanLoad(const LoadPlanOptions& options) {
  std::mt19937_64 bits(options.seed);
  std::vector<PlannedRequest> plan;
  double arrival = 0;
  while (static_cast<int64_t>(plan.size()) < options.max_requests) {
    if (options.rate > 0) {
      // The gaps of a Poisson process are exponential.
      arrival += -std::log1p(-UnitInterval(&bits)) / options.rate;
      if (options.duration_seconds > 0 && arrival >= options.duration_seconds) break;
    }
    PlannedRequest request;
    request.arrival_seconds = arrival;
    request.prompt_tokens = Draw(options.prompt, &bits);
    request.output_tokens = Draw(options.output, &bits);
    request.prompt_seed = bits();
    plan.push_back(request);
  }
  return plan;
}

std::vector<int32_t> RandomPrompt(uint64_t seed, int32_t count, int32_t first, int32_t end) {
  std::mt19937_64 bits(seed);
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = Draw({first, end - 1}, &bits);
  return ids;
}

}  // namespace foregate
