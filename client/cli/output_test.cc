#include <sstream>

#include "client/cli/answer_printer.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

pb::GenerateStreamResponse Delta(const std::string& text, const std::vector<int32_t>& ids) {
  pb::GenerateStreamResponse response;
  auto* delta = response.add_deltas();
  delta->set_text(text);
  delta->mutable_token_ids()->Add(ids.begin(), ids.end());
  return response;
}

TEST(JsonOutputTest, ShowsScalarsAndHidesWhatIsUnset) {
  pb::GenerateStreamResponse response = Delta("a\"\n", {7, 8});
  response.mutable_summary()->set_seed(UINT64_MAX);
  const std::string line = JsonLine(response);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["deltas"][0]["text"], "a\"\n");
  EXPECT_EQ(json["deltas"][0]["index"], 0);
  EXPECT_EQ(json["deltas"][0]["token_ids"], (std::vector<int>{7, 8}));
  EXPECT_FALSE(json["deltas"][0].contains("finish_reason"));
  EXPECT_FALSE(json["deltas"][0].contains("stop_token_id"));
  EXPECT_FALSE(json.contains("prompt_logprobs"));
  EXPECT_EQ(json["summary"]["seed"], UINT64_MAX);
}

TEST(JsonOutputTest, EnumsFloatsBytesAndOneofs) {
  pb::Sample sample;
  sample.set_finish_reason(pb::FINISH_REASON_STOP_STRING);
  sample.set_stop_string("END");
  auto* token = sample.add_logprobs()->mutable_token();
  token->set_logprob(-0.7f);
  token->set_token_bytes("\xff");
  const auto json = nlohmann::json::parse(JsonLine(sample));
  EXPECT_EQ(json["finish_reason"], "FINISH_REASON_STOP_STRING");
  EXPECT_EQ(json["stop_string"], "END");
  EXPECT_EQ(json["logprobs"][0]["token"]["logprob"].get<double>(), -0.7);
  EXPECT_EQ(json["logprobs"][0]["token"]["token_bytes"], (std::vector<int>{255}));
}

TEST(JsonOutputTest, MembersMayBeNull) {
  pb::Usage usage;
  usage.set_prompt_tokens(3);
  const auto json = nlohmann::json::parse(JsonLine({{"usage", &usage}, {"load", nullptr}}));
  EXPECT_EQ(json["usage"]["prompt_tokens"], 3);
  EXPECT_TRUE(json["load"].is_null());
}

TEST(AnswerPrinterTest, StreamsTextAndKeepsTheWholeAnswer) {
  std::ostringstream out;
  AnswerPrinter printer({}, &out);
  printer.Add(Delta("Hel", {1}));
  EXPECT_EQ(out.str(), "Hel");
  pb::GenerateStreamResponse last = Delta("lo", {2});
  last.mutable_deltas(0)->set_finish_reason(pb::FINISH_REASON_LENGTH);
  last.mutable_summary()->set_request_id("r");
  printer.Add(last);
  printer.Finish();
  EXPECT_EQ(out.str(), "Hello\n");
  ASSERT_EQ(printer.answer().samples_size(), 1);
  EXPECT_EQ(printer.answer().samples(0).text(), "Hello");
  EXPECT_EQ(printer.answer().samples(0).token_ids_size(), 2);
  EXPECT_EQ(printer.answer().samples(0).finish_reason(), pb::FINISH_REASON_LENGTH);
  EXPECT_EQ(printer.answer().summary().request_id(), "r");
}

TEST(AnswerPrinterTest, IdsInsteadOfText) {
  std::ostringstream out;
  AnswerPrinter printer({.print_ids = true}, &out);
  printer.Add(Delta("", {5, 6}));
  printer.Add(Delta("", {7}));
  printer.Finish();
  EXPECT_EQ(out.str(), "5 6 7\n");
}

TEST(AnswerPrinterTest, SeveralSamplesAreNumbered) {
  std::ostringstream out;
  AnswerPrinter printer({}, &out);
  pb::GenerateResponse response;
  response.add_samples()->set_text("a");
  response.add_samples()->set_text("b");
  response.mutable_samples(1)->set_index(1);
  printer.AddWhole(response);
  EXPECT_EQ(out.str(), "[0] a\n[1] b\n");
}

TEST(AnswerPrinterTest, ADeltaWithoutAPlaceIsDropped) {
  std::ostringstream out;
  AnswerPrinter printer({}, &out);
  pb::GenerateStreamResponse response = Delta("x", {1});
  response.mutable_deltas(0)->set_index(-1);
  printer.Add(response);
  response.mutable_deltas(0)->set_index(2000000000);
  printer.Add(response);
  EXPECT_EQ(printer.answer().samples_size(), 0);
}

TEST(TextOutputTest, ControlCharactersCannotReachATerminal) {
  EXPECT_EQ(SafeForTerminal("a\x1b[2Jb\tc\n"), "a?[2Jb\tc\n");
  EXPECT_EQ(SafeForTerminal("\xC2\x9B"
                            "1m"),
            "?1m");
  EXPECT_EQ(SafeForTerminal("\xC3\xA4\xC2\xA7"), "\xC3\xA4\xC2\xA7");
}

TEST(TextOutputTest, StatsNameSpeedAndBusiestExperts) {
  pb::RequestSummary summary;
  summary.mutable_usage()->set_generated_tokens(10);
  summary.mutable_timings()->set_queue_us(1000);
  summary.mutable_timings()->set_total_us(21000);
  summary.mutable_timings()->set_first_token_us(4200);
  auto* layer = summary.add_experts();
  layer->set_layer(2);
  for (const uint64_t count : {0, 6, 2, 2}) layer->add_counts(count);
  const std::string text = StatsText(summary);
  EXPECT_NE(text.find("10 tokens in 21.0 ms (500.0 tokens/s), first token after 4.2 ms"), std::string::npos) << text;
  EXPECT_NE(text.find("layer  2:  1 (60 %)  2 (20 %)  3 (20 %)\n"), std::string::npos) << text;
}

TEST(TextOutputTest, ProgressStaysWithinItsBar) {
  EXPECT_EQ(ProgressBar(0, 0), "[..............................]   0 %  0.0 MB of 0.0 MB");
  EXPECT_EQ(ProgressBar(6000000, 12000000), "[###############...............]  50 %  6.0 MB of 12.0 MB");
  EXPECT_NE(ProgressBar(9, 3).find("] 100 %"), std::string::npos);
}

TEST(TextOutputTest, ExpertTableCountsTheUnused) {
  experts::v1::GetExpertStatsResponse stats;
  stats.set_num_experts(4);
  auto* layer = stats.add_layers();
  for (const uint64_t count : {0, 3, 1, 0}) layer->add_counts(count);
  layer->set_imbalance(3.0);
  const std::string text = ExpertsText(stats);
  EXPECT_NE(text.find("    0            4           2       3.00  1 (75 %)  2 (25 %)\n"), std::string::npos) << text;
}

TEST(TextOutputTest, ExpertTableSaysWhatIsInMemoryWhereNotAllIs) {
  experts::v1::GetExpertStatsResponse stats;
  stats.mutable_tier()->set_num_slots(2);
  auto* layer = stats.add_layers();
  for (const uint64_t count : {0, 3, 1, 0}) layer->add_counts(count);
  layer->set_hits(3);
  layer->set_misses(1);
  for (const int state : {1, 2, 3, 4}) layer->add_residency(static_cast<experts::v1::ExpertResidency>(state));
  EXPECT_NE(ExpertsText(stats).find("       0.00          2    75.0 %  1 (75 %)"), std::string::npos)
      << ExpertsText(stats);
  stats.mutable_tier()->set_holds_all(true);
  EXPECT_EQ(ExpertsText(stats).find("75.0 %"), std::string::npos) << ExpertsText(stats);
}

TEST(TextOutputTest, ModelSaysThatItIsPreGated) {
  discovery::v1::GetModelResponse model;
  EXPECT_EQ(ModelText(model).find("pre-gates"), std::string::npos) << ModelText(model);
  model.mutable_architecture()->set_pre_gate_distance(2);
  model.mutable_architecture()->set_expert_prefetch("off");
  EXPECT_NE(ModelText(model).find(", chosen 2 layers ahead by pre-gates\n"), std::string::npos) << ModelText(model);
  EXPECT_NE(ModelText(model).find("fetched ahead: nothing\n"), std::string::npos) << ModelText(model);
}

TEST(TextOutputTest, TheFirstPromptTokenHasNoLogprob) {
  pb::GenerateResponse response;
  auto* first = response.add_prompt_logprobs();
  first->mutable_token()->set_text("<s>");
  first->set_has_logprob(false);
  auto* second = response.add_prompt_logprobs();
  second->mutable_token()->set_text("a");
  second->mutable_token()->set_logprob(-1.5f);
  second->mutable_token()->set_rank(2);
  EXPECT_EQ(LogprobsText(response.prompt_logprobs()), "  \"<s>\" [0]\n  \"a\" [0]  -1.5000  rank 2\n");
}

}  // namespace
}  // namespace foregate
