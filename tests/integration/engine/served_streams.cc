#include "tests/integration/engine/served_streams.h"

#include <random>
#include <thread>
#include <utility>

#include "engine/model/load_model.h"
#include "kernels/base/check.h"
#include "server/generation/text_pipeline.h"
#include "tests/fakes/fake_engine.h"

namespace foregate {
namespace {

constexpr int32_t kBlockTokens = 16;
constexpr int32_t kMaxBatchTokens = 512;

EngineOptions OptionsFor(int32_t max_streams, int32_t max_tokens, uint64_t kv_bytes_per_token) {
  EngineOptions options;
  options.max_batch_tokens = kMaxBatchTokens;
  options.max_running_requests = max_streams;
  options.max_queued_requests = 1024;
  options.max_queued_tokens = 1 << 20;
  options.prefill_chunk_tokens = kMaxBatchTokens;
  options.max_itl_stretch_percent = 180;  // as the daemon
  options.kv_block_tokens = kBlockTokens;
  options.kv_bytes = static_cast<int64_t>(kv_bytes_per_token) * (max_streams + 1) * (max_tokens + kBlockTokens);
  options.max_sequence_tokens = max_tokens;
  options.prefix_cache = true;
  options.priority_aging_us = 1'000'000;
  options.step_wait_timeout_us = 600'000'000;
  return options;
}

}  // namespace

class ServedStreams::CountingSink final : public DeltaSink {
 public:
  explicit CountingSink(std::atomic<uint64_t>* count) : count_(count) {}
  absl::Status OnDelta(GenerationDelta delta) override {
    for (const SampleDelta& sample : delta.samples)
      count_->fetch_add(sample.token_ids.size(), std::memory_order_release);
    return absl::OkStatus();
  }
  void OnDone(const absl::Status& status, const GenerationSummary&) override {
    FOREGATE_CHECK(status.ok() || absl::IsUnavailable(status));
  }

 private:
  std::atomic<uint64_t>* const count_;
};

ServedStreams::ServedStreams(const std::string& model_dir, const std::string& weights, Backend backend,
                             int32_t max_streams, int32_t max_tokens_per_stream, DType kv_dtype)
    : served_(std::make_shared<ServedModel>()), backend_(std::move(backend)) {
  LoadOptions load;
  load.directory = model_dir;
  load.weights = WeightRules::ForAll(weights).value();
  load.max_batch_tokens = kMaxBatchTokens;
  load.max_sequences = max_streams;
  load.max_sequence_tokens = max_tokens_per_stream;
  load.block_size = kBlockTokens;
  load.kv_dtype = kv_dtype;
  const auto plan = PlanModel(load);
  FOREGATE_CHECK_EQ(plan.status().ToString(), "OK");
  auto decoder = LoadDecoder(load, backend_);
  FOREGATE_CHECK_EQ(decoder.status().ToString(), "OK");
  auto loop = EngineLoop::Create(OptionsFor(max_streams, max_tokens_per_stream, plan->memory.kv_bytes_per_token),
                                 backend_.device.get(), std::move(decoder).value(), &clock_);
  FOREGATE_CHECK_EQ(loop.status().ToString(), "OK");
  loop_ = std::move(loop).value();
  auto text = LoadTextModel(model_dir);
  FOREGATE_CHECK_EQ(text.status().ToString(), "OK");
  served_->name = "served";
  served_->text = std::move(text).value();
  served_->engine = std::make_unique<FakeEngine>();  // for the pipelines' cancellations, which do not come
}

ServedStreams::~ServedStreams() {
  loop_.reset();
  text_pool_.Stop();
}

void ServedStreams::Add(int32_t prompt_tokens, int32_t max_tokens, const SamplingParams& sampling) {
  GenerationRequest request;
  request.id = "stream" + std::to_string(++num_added_);
  std::mt19937_64 random(num_added_);
  for (int32_t i = 0; i < prompt_tokens; ++i)
    request.prompt.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(model().vocab_size)));
  request.max_tokens = max_tokens;
  request.sampling = sampling;
  TextPipelineOptions options;
  options.request_id = request.id;
  options.stop_strings = {"a text that does not come"};
  auto pipeline = std::make_shared<TextPipeline>(std::move(options), served_, &text_pool_,
                                                 std::make_shared<CountingSink>(&num_delivered_));
  FOREGATE_CHECK_EQ(loop_->Submit(std::move(request), std::move(pipeline)).ToString(), "OK");
}

void ServedStreams::WaitForText() const {
  while (num_delivered() < metrics().generation_tokens.value()) std::this_thread::yield();
}

}  // namespace foregate
