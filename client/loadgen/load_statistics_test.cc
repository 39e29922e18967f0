#include "client/loadgen/load_statistics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::Pair;

// Due at `arrival`; the first token after `ttft`, then `more` tokens `itl` apart.
RequestRecord Record(double arrival, double ttft, double itl, int more) {
  RequestRecord record(arrival, arrival, 10);
  double time = arrival + ttft;
  record.AddTokens(time, 1);
  for (int i = 0; i < more; ++i) record.AddTokens(time += itl, 1);
  record.End(time, absl::StatusCode::kOk);
  return record;
}

RequestRecord Failed(double arrival, double end, absl::StatusCode code) {
  RequestRecord record(arrival, arrival, 10);
  record.End(end, code);
  return record;
}

TEST(RequestRecord, DividesTheTimeBetweenTokensOfAMessage) {
  RequestRecord record(1.0, 1.5, 10);
  EXPECT_FALSE(record.ttft().has_value());
  record.AddTokens(2.0, 2);
  record.AddTokens(2.6, 3);
  record.End(3.0, absl::StatusCode::kOk);
  EXPECT_DOUBLE_EQ(*record.ttft(), 1.0);
  EXPECT_THAT(record.itls(), ElementsAre(0.0f, FloatEq(0.2f), FloatEq(0.2f), FloatEq(0.2f)));
  EXPECT_EQ(record.num_tokens(), 5);
  EXPECT_DOUBLE_EQ(record.e2e(), 2.0);
}

TEST(Distribute, PercentilesAreValuesThatOccurred) {
  std::vector<double> values;
  for (int i = 200; i >= 1; --i) values.push_back(i);
  const Distribution d = Distribute(values);
  EXPECT_EQ(d.count, 200);
  EXPECT_DOUBLE_EQ(d.mean, 100.5);
  EXPECT_EQ(d.p50, 100);
  EXPECT_EQ(d.p90, 180);
  EXPECT_EQ(d.p99, 198);
  EXPECT_EQ(d.max, 200);
  EXPECT_EQ(Distribute({7}).p50, 7);
  EXPECT_EQ(Distribute({7}).p99, 7);
  EXPECT_EQ(Distribute({}).count, 0);
}

TEST(Summarize, CountsWhatHappened) {
  std::vector<RequestRecord> records = {
      Record(1.0, 0.1, 0.05, 4),
      Record(2.0, 0.3, 0.05, 4),
      Failed(2.5, 2.6, absl::StatusCode::kResourceExhausted),
      Failed(3.0, 6.0, absl::StatusCode::kDeadlineExceeded),
      RequestRecord(),
  };
  records[3].AddTokens(6.0, 2);  // tokens of a request that failed later were work, too
  records[3].End(6.0, absl::StatusCode::kDeadlineExceeded);
  const LoadReport report = Summarize(records, {});
  EXPECT_EQ(report.num_sent, 4);
  EXPECT_EQ(report.num_ok, 2);
  EXPECT_THAT(report.errors, ElementsAre(Pair("DEADLINE_EXCEEDED", 1), Pair("RESOURCE_EXHAUSTED", 1)));
  EXPECT_DOUBLE_EQ(report.seconds, 5.0);
  EXPECT_EQ(report.ttft.count, 2);
  EXPECT_EQ(report.itl.count, 8);
  EXPECT_EQ(report.output_tokens, 12);
  EXPECT_DOUBLE_EQ(report.output_tokens_per_second, 12 / 5.0);
  EXPECT_EQ(report.prompt_tokens, 20);
  EXPECT_DOUBLE_EQ(report.requests_per_second, 2 / 5.0);
  EXPECT_DOUBLE_EQ(report.good_fraction, 0.5);
}

TEST(Summarize, GoodputAsksForBothTargets) {
  const std::vector<RequestRecord> records = {Record(0, 0.1, 0.02, 9), Record(0, 0.5, 0.02, 9),
                                              Record(0, 0.1, 0.09, 10), Failed(0, 1, absl::StatusCode::kUnavailable)};
  const LoadReport report = Summarize(records, {.ttft = 0.2, .itl = 0.05});
  EXPECT_DOUBLE_EQ(report.good_fraction, 0.25);
  EXPECT_DOUBLE_EQ(report.goodput, 1 / report.seconds);
  EXPECT_DOUBLE_EQ(Summarize(records, {.ttft = 0.2, .itl = {}}).good_fraction, 0.5);
  EXPECT_DOUBLE_EQ(Summarize(records, {.ttft = {}, .itl = 0.05}).good_fraction, 0.5);
}

TEST(Summarize, ARequestThatWaitedForAClientIsLate) {
  RequestRecord late(1.0, 1.2, 10);
  late.AddTokens(1.5, 1);
  late.End(1.5, absl::StatusCode::kOk);
  const LoadReport report = Summarize({late}, {});
  EXPECT_EQ(report.num_late, 1);
  EXPECT_DOUBLE_EQ(report.ttft.p50, 0.5);
}

TEST(SummarizeLongPrompts, DividesTheOthersTimesByWhatWasInFlight) {
  // Tokens at 1, 2, 3, 4, 5; then two stretched ones at 8 and 11; then 12.
  RequestRecord stream(0, 0, 10);
  for (const double time : {1, 2, 3, 4, 5, 8, 11, 12}) stream.AddTokens(time, 1);
  stream.End(12, absl::StatusCode::kOk);
  RequestRecord long_prompt(5.1, 5.1, 2000);
  long_prompt.AddTokens(10.9, 1);
  long_prompt.End(10.9, absl::StatusCode::kOk);
  const LongPromptReport report =
      SummarizeLongPrompts({long_prompt, RequestRecord()}, {stream, Failed(5, 6, absl::StatusCode::kUnavailable)});
  EXPECT_EQ(report.num_sent, 1);
  EXPECT_EQ(report.num_ok, 1);
  EXPECT_NEAR(report.ttft.p50, 5.8, 1e-9);
  EXPECT_EQ(report.itl_in_flight.count, 2);
  EXPECT_DOUBLE_EQ(report.itl_in_flight.p50, 3);
  EXPECT_EQ(report.itl_otherwise.count, 5);
  EXPECT_DOUBLE_EQ(report.itl_otherwise.max, 1);
  EXPECT_DOUBLE_EQ(report.stretch_in_flight, 1);
  EXPECT_DOUBLE_EQ(report.stretch_over_otherwise, 3);
}

TEST(SummarizeLongPrompts, OneThatFailedWasInFlightUntilItsEnd) {
  const LongPromptReport report = SummarizeLongPrompts({Failed(2.4, 4.6, absl::StatusCode::kResourceExhausted)},
                                                       {Record(0, 1, 1, 5), RequestRecord()});
  EXPECT_THAT(report.errors, ElementsAre(Pair("RESOURCE_EXHAUSTED", 1)));
  EXPECT_EQ(report.ttft.count, 0);
  EXPECT_EQ(report.itl_in_flight.count, 3);  // 2 to 3, 3 to 4 and 4 to 5 s
}

TEST(SummarizeLongPrompts, NothingIsNothing) {
  const LongPromptReport report = SummarizeLongPrompts({}, {});
  EXPECT_EQ(report.num_sent, 0);
  EXPECT_EQ(report.stretch_in_flight, 0);
}

TEST(Summarize, NothingSentIsNothing) {
  const LoadReport report = Summarize({}, {});
  EXPECT_EQ(report.num_sent, 0);
  EXPECT_EQ(report.output_tokens_per_second, 0);
}

}  // namespace
}  // namespace foregate
