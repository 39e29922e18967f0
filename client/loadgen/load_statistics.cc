#include "client/loadgen/load_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace foregate {
namespace {

constexpr double kLateSeconds = 0.010;

bool IsGood(const RequestRecord& record, const LatencyTarget& target) {
  if (!record.ok() || !record.ttft()) return false;
  if (target.ttft && *record.ttft() > *target.ttft) return false;
  if (!target.itl || record.itls().empty()) return true;
  const double sum = std::accumulate(record.itls().begin(), record.itls().end(), 0.0);
  return sum / static_cast<double>(record.itls().size()) <= *target.itl;
}

}  // namespace

void RequestRecord::AddTokens(double time, int32_t count) {
  if (ttft_) {
    itls_.insert(itls_.end(), static_cast<size_t>(count), static_cast<float>((time - last_) / count));
  } else {
    // Tokens that came with the first were not waited for.
    ttft_ = time - arrival_;
    itls_.insert(itls_.end(), static_cast<size_t>(count - 1), 0.0f);
  }
  num_tokens_ += count;
  last_ = time;
}

void RequestRecord::End(double time, absl::StatusCode code) {
  last_ = time;
  code_ = code;
}

Distribution Distribute(std::vector<double> values) {
  Distribution result;
  if (values.empty()) return result;
  std::sort(values.begin(), values.end());
  const auto at = [&values](double part) {
    const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(values.size())));
    return values[std::max(rank, size_t{1}) - 1];
  };
  result.count = static_cast<int64_t>(values.size());
  result.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  result.p50 = at(0.50);
  result.p90 = at(0.90);
  result.p99 = at(0.99);
  result.max = values.back();
  return result;
}

LoadReport Summarize(const std::vector<RequestRecord>& records, const LatencyTarget& target) {
  LoadReport report;
  std::vector<double> ttfts, itls, e2es;
  double first = 0, last = 0;
  int64_t num_good = 0;
  for (const RequestRecord& record : records) {
    if (!record.finished()) continue;
    first = report.num_sent == 0 ? record.arrival() : std::min(first, record.arrival());
    last = std::max(last, record.end());
    ++report.num_sent;
    if (record.sent() - record.arrival() > kLateSeconds) ++report.num_late;
    report.output_tokens += record.num_tokens();
    if (!record.ok()) {
      ++report.errors[absl::StatusCodeToString(record.code())];
      continue;
    }
    ++report.num_ok;
    report.prompt_tokens += record.prompt_tokens();
    if (record.ttft()) ttfts.push_back(*record.ttft());
    itls.insert(itls.end(), record.itls().begin(), record.itls().end());
    e2es.push_back(record.e2e());
    num_good += IsGood(record, target) ? 1 : 0;
  }
  report.ttft = Distribute(std::move(ttfts));
  report.itl = Distribute(std::move(itls));
  report.e2e = Distribute(std::move(e2es));
  report.seconds = last - first;
  if (report.num_sent > 0) report.good_fraction = static_cast<double>(num_good) / static_cast<double>(report.num_sent);
  if (report.seconds > 0) {
    report.requests_per_second = static_cast<double>(report.num_ok) / report.seconds;
    report.output_tokens_per_second = static_cast<double>(report.output_tokens) / report.seconds;
    report.prompt_tokens_per_second = static_cast<double>(report.prompt_tokens) / report.seconds;
    report.goodput = static_cast<double>(num_good) / report.seconds;
  }
  return report;
}

LongPromptReport SummarizeLongPrompts(const std::vector<RequestRecord>& long_prompts,
                                      const std::vector<RequestRecord>& others) {
  LongPromptReport report;
  std::vector<std::pair<double, double>> flights;
  std::vector<double> ttfts, in_flight, otherwise;
  for (const RequestRecord& record : long_prompts) {
    if (!record.finished()) continue;
    ++report.num_sent;
    flights.emplace_back(record.sent(), record.ttft() ? record.arrival() + *record.ttft() : record.end());
    if (!record.ok()) {
      ++report.errors[absl::StatusCodeToString(record.code())];
      continue;
    }
    ++report.num_ok;
    if (record.ttft()) ttfts.push_back(*record.ttft());
  }
  for (const RequestRecord& record : others) {
    if (!record.finished() || !record.ok() || !record.ttft()) continue;
    double token = record.arrival() + *record.ttft();
    for (const float itl : record.itls()) {
      const double middle = token + itl / 2.0;
      token += itl;
      const bool flies = std::any_of(flights.begin(), flights.end(), [&](const auto& flight) {
        return middle > flight.first && middle <= flight.second;
      });
      (flies ? in_flight : otherwise).push_back(itl);
    }
  }
  report.ttft = Distribute(std::move(ttfts));
  report.itl_in_flight = Distribute(std::move(in_flight));
  report.itl_otherwise = Distribute(std::move(otherwise));
  const auto stretch = [&](double median) { return median > 0 ? report.itl_in_flight.p99 / median : 0; };
  report.stretch_in_flight = stretch(report.itl_in_flight.p50);
  report.stretch_over_otherwise = stretch(report.itl_otherwise.p50);
  return report;
}

}  // namespace foregate
