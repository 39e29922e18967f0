// DecoderHarness: a loaded decoder with KV storage of its own, for tests: sequences in, logits out.
#ifndef FOREGATE_ENGINE_MODEL_DECODER_HARNESS_H_
#define FOREGATE_ENGINE_MODEL_DECODER_HARNESS_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/model/decoder.h"
#include "engine/model/load_model.h"
#include "kernels/api/kernels.h"

namespace foregate {

// Drops sequences of a step at the poll that is asked for.
class ScriptedControl : public StepControl {
 public:
  // At poll number `poll` (from 0), the sequence with this index in the batch is dropped.
  void DropAt(int poll, int32_t sequence) { drops_[poll].push_back(sequence); }
  std::vector<int32_t> TakeDropped() override { return drops_[num_polls_++]; }
  std::chrono::steady_clock::time_point wait_deadline() const override {
    return std::chrono::steady_clock::time_point::max();
  }
  int num_polls() const { return num_polls_; }

 private:
  std::map<int, std::vector<int32_t>> drops_;
  int num_polls_ = 0;
};

class DecoderHarness {
 public:
  // Tokens that one sequence adds in a step; `id` names the sequence over steps.
  struct Chunk {
    int id = 0;
    std::vector<int32_t> tokens;
  };
  // Copies of what the decoder lends until its next step.
  struct Routing {
    int32_t layer = 0;
    std::vector<int32_t> rows;
    std::vector<int32_t> experts;
    std::vector<float> weights;
  };
  struct Result {
    std::vector<std::vector<float>> logits;  // by row of the batch; empty where the sequence was dropped
    std::vector<uint8_t> dropped;            // [number of chunks]
    std::vector<Routing> routing;            // per MoE layer
  };

  static constexpr int32_t kBlockSize = 16;

  // Stops the test program when the model cannot be loaded. `backend` must outlive the harness.
  DecoderHarness(LoadOptions options, const Backend& backend);

  Decoder& decoder() { return *decoder_; }
  // Forgets all sequences.
  void Reset();
  // Runs one step with logits of every row (or of each chunk's last row only).
  Result Run(const std::vector<Chunk>& chunks, StepControl& control, bool last_rows_only = false);
  Result Run(const std::vector<Chunk>& chunks);
  // The logits of every token of a sequence that arrives in pieces of `chunk` tokens.
  std::vector<std::vector<float>> RunInChunks(int id, const std::vector<int32_t>& tokens, size_t chunk);
  // Greedy continuation of a fresh sequence.
  std::vector<int32_t> Generate(int id, const std::vector<int32_t>& prompt, size_t num_tokens);

 private:
  struct Sequence {
    int32_t num_tokens = 0;
    std::vector<int32_t> blocks;
  };
  Batch MakeBatch(const std::vector<Chunk>& chunks, bool last_rows_only);

  const Backend& backend_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<std::unique_ptr<DeviceBuffer>> planes_;
  std::vector<KvLayerView> kv_;
  std::map<int, Sequence> sequences_;
  int32_t num_blocks_given_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_DECODER_HARNESS_H_
