#include "server/generation/text_pipeline.h"

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/fake_engine.h"

namespace foregate {
namespace {

// Adds up what a pipeline delivers and remembers the pieces.
class AddingSink final : public DeltaSink {
 public:
  absl::Status OnDelta(GenerationDelta delta) override {
    for (const SampleDelta& sample : delta.samples) EXPECT_FALSE(FirstInvalid(sample.text)) << sample.text;
    if (!refusal.ok()) return refusal;
    AppendDelta(std::move(delta), &total);
    return absl::OkStatus();
  }
  void OnDone(const absl::Status& status, const GenerationSummary& s) override {
    summary = s;
    done.set_value(status);
  }
  absl::Status Wait() { return done.get_future().get(); }

  GenerationDelta total;
  GenerationSummary summary;
  absl::Status refusal;
  std::promise<absl::Status> done;

 private:
  // A piece that begins with a continuation byte would have split a character.
  static bool FirstInvalid(const std::string& text) {
    return !text.empty() && (static_cast<unsigned char>(text[0]) & 0xC0) == 0x80;
  }
};

TokenRecord RecordOf(int32_t token) {
  TokenRecord record;
  record.token = token;
  return record;
}

class TextPipelineTest : public testing::Test {
 protected:
  TextPipelineTest() : sink_(std::make_shared<AddingSink>()) {
    model_->name = "fake";
    model_->text.tokenizer = MakeByteTokenizer();
    auto engine = std::make_unique<FakeEngine>();
    engine_ = engine.get();
    model_->engine = std::move(engine);
  }
  ~TextPipelineTest() override {
    model_ = nullptr;  // the engine's end may still leave tasks in the pool
    pool_.Stop();
  }

  std::shared_ptr<TextPipeline> Make(TextPipelineOptions options) {
    options.request_id = "r";
    return std::make_shared<TextPipeline>(std::move(options), model_, &pool_, sink_);
  }

  static void Speak(TextPipeline& pipeline, std::string_view text, int32_t sample = 0) {
    for (int32_t id : ByteIds(text)) pipeline.OnToken(sample, RecordOf(id));
  }

  const SampleDelta& sample(size_t i = 0) const { return sink_->total.samples.at(i); }

  TextPool pool_{1, 16};
  std::shared_ptr<ServedModel> model_ = std::make_shared<ServedModel>();
  FakeEngine* engine_ = nullptr;
  std::shared_ptr<AddingSink> sink_;
};

TEST_F(TextPipelineTest, TextOfManyByteCharactersArrivesWhole) {
  auto pipeline = Make({});
  Speak(*pipeline, "na\xC3\xAFve \xE2\x82\xAC");
  pipeline->OnSampleFinish(0, FinishReason::kLength);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "na\xC3\xAFve \xE2\x82\xAC");
  EXPECT_EQ(sample().token_ids.size(), 10u);
  EXPECT_EQ(sample().end->reason, FinishReason::kLength);
  EXPECT_EQ(sink_->summary.generated_tokens, 10);
}

TEST_F(TextPipelineTest, StopStringAcrossTokensNeverLeaksAndDropsWhatFollows) {
  auto pipeline = Make({.stop_strings = {"END"}});
  Speak(*pipeline, "abEN");
  Speak(*pipeline, "EENDxyz");
  pipeline->OnSampleFinish(0, FinishReason::kLength);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "abENE");
  EXPECT_EQ(sample().token_ids, ByteIds("abENEEND"));
  EXPECT_EQ(sample().end->reason, FinishReason::kStopString);
  EXPECT_EQ(sample().end->stop_string, "END");
  EXPECT_EQ(sink_->summary.generated_tokens, 8);
}

TEST_F(TextPipelineTest, ChatsAreTakenApart) {
  TextPipelineOptions options;
  options.reply_format = *ReplyFormat::Find("hermes");
  options.tools = nlohmann::ordered_json::array();
  options.num_samples = 2;
  auto pipeline = Make(std::move(options));
  const std::string spoken = "<think>a</think>b<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
  for (const int32_t i : {0, 1}) {
    Speak(*pipeline, spoken, i);
    pipeline->OnSampleFinish(i, FinishReason::kLength);
  }
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  for (const size_t i : {0u, 1u}) {
    EXPECT_EQ(sample(i).text, spoken);
    ASSERT_TRUE(sample(i).message.has_value());
    EXPECT_EQ(sample(i).message->reasoning, "a");
    EXPECT_EQ(sample(i).message->content, "b");
    ASSERT_EQ(sample(i).message->tool_calls.size(), 1u);
    EXPECT_EQ(sample(i).message->tool_calls[0].name, "f");
    EXPECT_EQ(sample(i).message->tool_calls[0].id.size(), 9u);
  }
  EXPECT_NE(sample(0).message->tool_calls[0].id, sample(1).message->tool_calls[0].id);
}

// What a stop string cuts off never reaches the message, and what was held back at the end does.
TEST_F(TextPipelineTest, ChatsEndWhereTheirTextEnds) {
  TextPipelineOptions options;
  options.reply_format = *ReplyFormat::Find("hermes");
  options.stop_strings = {"END"};
  auto pipeline = Make(std::move(options));
  Speak(*pipeline, "ab<thENDxyz");
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "ab<th");
  EXPECT_EQ(sample().message->content, "ab<th");
}

TEST_F(TextPipelineTest, CompletionsHaveNoMessage) {
  auto pipeline = Make({});
  Speak(*pipeline, "ab");
  pipeline->OnSampleFinish(0, FinishReason::kLength);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_FALSE(sample().message.has_value());
}

TEST_F(TextPipelineTest, StopStringStaysWhenAskedFor) {
  auto pipeline = Make({.stop_strings = {"END"}, .include_stop_string = true});
  Speak(*pipeline, "abENDc");
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "abEND");
}

TEST_F(TextPipelineTest, HeldBackTextComesOutWhenTheSampleEndsOtherwise) {
  auto pipeline = Make({.stop_strings = {"END"}});
  Speak(*pipeline, "abEN");
  pipeline->OnSampleFinish(0, FinishReason::kLength);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "abEN");
  EXPECT_EQ(sample().end->reason, FinishReason::kLength);
}

TEST_F(TextPipelineTest, StopStringsAreNotLookedForBeforeMinTokens) {
  auto pipeline = Make({.min_tokens = 4, .stop_strings = {"x"}});
  Speak(*pipeline, "axbxcxd");
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "axbxc");
  EXPECT_EQ(sample().token_ids, ByteIds("axbxcx"));
}

TEST_F(TextPipelineTest, StopTokenHasAnIdButNoText) {
  auto pipeline = Make({.stop_token_ids = {'!'}, .skip_special_tokens = false});
  Speak(*pipeline, "ab!");
  pipeline->OnSampleFinish(0, FinishReason::kStopToken);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "ab");
  EXPECT_EQ(sample().token_ids, ByteIds("ab!"));
  EXPECT_EQ(sample().end->stop_token_id, '!');
}

TEST_F(TextPipelineTest, SpecialTokensShowOnlyWhenAskedFor) {
  for (const bool skip : {true, false}) {
    sink_ = std::make_shared<AddingSink>();
    auto pipeline = Make({.skip_special_tokens = skip});
    Speak(*pipeline, "a");
    pipeline->OnToken(0, RecordOf(kByteEndToken));
    Speak(*pipeline, "b");
    pipeline->OnSampleFinish(0, FinishReason::kLength);
    pipeline->OnDone(absl::OkStatus(), {});
    EXPECT_TRUE(sink_->Wait().ok());
    EXPECT_EQ(sample().text, skip ? "ab" : std::string("a") + kByteEndText + "b");
  }
}

TEST_F(TextPipelineTest, SamplesKeepTheirOwnText) {
  auto pipeline = Make({.num_samples = 2, .stop_strings = {"|"}});
  Speak(*pipeline, "a", 0);
  Speak(*pipeline, "x", 1);
  Speak(*pipeline, "b|c", 0);
  Speak(*pipeline, "y", 1);
  pipeline->OnSampleFinish(1, FinishReason::kLength);
  RequestSummary summary;
  summary.decode_us = 300;
  pipeline->OnDone(absl::OkStatus(), summary);
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample(0).text, "ab");
  EXPECT_EQ(sample(1).text, "xy");
  EXPECT_EQ(sink_->summary.generated_tokens, 5);
  EXPECT_EQ(sink_->summary.per_token_us, 100);  // 4 engine tokens in the longest sample
}

TEST_F(TextPipelineTest, UnfinishedCharacterAtTheEndReadsAsReplacement) {
  auto pipeline = Make({});
  Speak(*pipeline, "a\xE2\x82");
  pipeline->OnSampleFinish(0, FinishReason::kLength);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "a\xEF\xBF\xBD");
}

TEST_F(TextPipelineTest, ReceiverThatRefusesCancelsTheRequest) {
  engine_->AllowSteps(0);
  auto pipeline = Make({});
  sink_->refusal = absl::ResourceExhaustedError("slow reader");
  GenerationRequest request;
  request.id = "r";
  request.prompt = {1};
  request.max_tokens = 100;
  ASSERT_TRUE(engine_->Submit(request, pipeline).ok());
  engine_->AllowSteps(1);
  EXPECT_EQ(sink_->Wait().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_EQ(engine_->cancels().size(), 1u);
  EXPECT_EQ(engine_->cancels()[0].second.message(), "slow reader");
}

TEST_F(TextPipelineTest, CancelAfterTheEngineHasEndedTouchesNobody) {
  engine_->AllowSteps(0);
  auto pipeline = Make({});
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  GenerationRequest namesake;
  namesake.id = "r";
  namesake.prompt = {1};
  namesake.max_tokens = 1;
  sink_ = std::make_shared<AddingSink>();
  ASSERT_TRUE(engine_->Submit(namesake, Make({})).ok());
  pipeline->Cancel(absl::CancelledError("late"));
  EXPECT_TRUE(engine_->cancels().empty());
  engine_->AllowSteps(FakeEngine::kUnlimited);
  EXPECT_TRUE(sink_->Wait().ok());
}

TEST_F(TextPipelineTest, WithoutTokenizerIdsArriveAlone) {
  model_->text.tokenizer = nullptr;
  auto pipeline = Make({});
  pipeline->OnToken(0, {.token = 5, .has_logprob = true, .logprob = {5, -1.0f, 2}, .top = {{6, -0.5f, 1}}});
  pipeline->OnSampleFinish(0, FinishReason::kLength);
  pipeline->OnDone(absl::OkStatus(), {});
  EXPECT_TRUE(sink_->Wait().ok());
  EXPECT_EQ(sample().text, "");
  EXPECT_EQ(sample().token_ids, std::vector<int32_t>{5});
  ASSERT_EQ(sample().logprobs.size(), 1u);
  EXPECT_EQ(sample().logprobs[0].token.rank, 2);
  EXPECT_EQ(sample().logprobs[0].top.at(0).token_id, 6);
}

}  // namespace
}  // namespace foregate
