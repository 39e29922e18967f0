// ServedStreams: the engine loop on a checkpoint with the server's own text pipelines behind it, everything between the
// scheduler and the typed deltas; without gRPC and without the engine's thread, so that a test or a benchmark steps.
#ifndef FOREGATE_TESTS_INTEGRATION_ENGINE_SERVED_STREAMS_H_
#define FOREGATE_TESTS_INTEGRATION_ENGINE_SERVED_STREAMS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/engine_loop.h"
#include "engine/host/clock.h"
#include "engine/request/sampling_params.h"
#include "kernels/api/kernels.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

class ServedStreams {
 public:
  // Stops the program when the model cannot be loaded. `weights`: as the daemon's --weights, "" for stored.
  ServedStreams(const std::string& model_dir, const std::string& weights, Backend backend, int32_t max_streams,
                int32_t max_tokens_per_stream, DType kv_dtype = DType::kF32);
  ~ServedStreams();

  // Adds a stream: a fresh prompt of `prompt_tokens` random ids, `max_tokens` to generate.
  void Add(int32_t prompt_tokens, int32_t max_tokens, const SamplingParams& sampling);
  // One step. False when nothing is left.
  bool Step() { return loop_->Step(); }
  // Waits until the text threads have delivered every token that was generated.
  void WaitForText() const;

  const EngineMetrics& metrics() const { return loop_->metrics(); }
  const DecoderInfo& model() const { return loop_->model(); }
  // Since the start, by text threads: tokens in deltas.
  uint64_t num_delivered() const { return num_delivered_.load(std::memory_order_acquire); }

 private:
  class CountingSink;

  SystemClock clock_;
  TextPool text_pool_{2, 1024};
  std::shared_ptr<ServedModel> served_;
  Backend backend_;
  std::unique_ptr<EngineLoop> loop_;
  std::atomic<uint64_t> num_delivered_{0};
  uint64_t num_added_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_TESTS_INTEGRATION_ENGINE_SERVED_STREAMS_H_
