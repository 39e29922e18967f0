// Decoder: a loaded model that advances a batch by one step. A step is launched and collected, so that an accelerator
// can run step t while the host plans step t+1 (house contract 9.2).
//
// Thread-compatible: one thread (the engine's) calls it; one step is in flight at a time.
#ifndef FOREGATE_ENGINE_MODEL_DECODER_H_
#define FOREGATE_ENGINE_MODEL_DECODER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/kv/kv_layout.h"
#include "engine/moe/expert_tier.h"
#include "engine/schedule/batch.h"

namespace foregate {

// Which part of a distributed model this process computes.
struct RankContext {
  int32_t rank = 0;
  int32_t num_ranks = 1;
};

// What a step asks of its caller while it runs; called on the thread that launched the step.
class StepControl {
 public:
  virtual ~StepControl() = default;
  // Polled between layers, and now and then while a layer waits for an expert: indices (in the batch) of sequences to
  // drop, cancelled or expired since the last call. Their rows are removed from the rest of the step; no other row's
  // bits change.
  virtual std::vector<int32_t> TakeDropped() = 0;
  // Bound of every single wait inside the step.
  virtual std::chrono::steady_clock::time_point wait_deadline() const = 0;
};

// The experts that one MoE layer chose for the rows of a step that were still alive there. Views of the decoder's
// memory.
struct LayerRouting {
  int32_t layer = 0;                 // model layer
  std::span<const int32_t> rows;     // rows of the batch
  std::span<const int32_t> experts;  // [rows.size(), top_k]
  std::span<const float> weights;    // [rows.size(), top_k] mixing weights
};

// Views of the decoder's memory, valid until the next Launch: a step allocates nothing for its result.
struct StepResult {
  // Logits of batch.logits_rows in their order, [logits_rows.size(), vocab_size]; the values of dropped sequences' rows
  // are unspecified.
  std::span<const float> logits;
  std::span<const int32_t> largest;  // [logits_rows.size()] ArgMax of each row; empty: not computed
  std::span<const uint8_t> dropped;  // [num_sequences] 1: the sequence was dropped during the step
  absl::Status failure;              // why sequences were dropped that nobody asked to drop: UNAVAILABLE, DATA_LOSS
  std::span<const LayerRouting> routing;  // per MoE layer, ascending
};

// What a model's steps read of its weights.
struct RoutedShape {
  std::vector<int32_t> moe_layers;     // model layers that route
  std::vector<uint64_t> expert_bytes;  // of one expert, by MoE layer; empty: unknown
  int32_t num_experts = 0;             // per MoE layer
  int32_t experts_per_token = 0;
  int32_t pre_gate_distance = 0;  // layers between choosing experts and using them (docs/pre_gate.md); 0: no pre-gates
  uint64_t dense_bytes = 0;       // of weights that every step reads
};

struct DecoderInfo : RoutedShape {
  std::string architecture;    // "qwen3_moe"
  std::string weights_format;  // of the matrices: "bf16", "int4", ..., or "mixed"
  std::string kv_dtype;        // "f32" or "bf16"
  int32_t vocab_size = 0;      // rows of lm_head: the width of logits
  int32_t max_positions = 0;   // context limit in tokens
  int32_t num_layers = 0;
  int32_t hidden_size = 0;
  uint64_t num_parameters = 0;
  uint64_t weight_bytes = 0;      // in memory: with those of the slots that experts have, and of their host copy
  uint64_t identity[2] = {0, 0};  // 128-bit digest of weights and numeric contract: part of prefix-cache keys
};

// Launched, not yet collected. Destroying it waits for the device and discards the result.
class StepInFlight {
 public:
  virtual ~StepInFlight() = default;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual const DecoderInfo& info() const = 0;
  // One layout per layer.
  virtual const std::vector<KvLayout>& kv_layouts() const = 0;
  // `kv` has one view per layer with slots of `block_size` tokens a block; rows write their keys and values there.
  // RESOURCE_EXHAUSTED when the batch exceeds the workspace that the decoder was built for.
  virtual absl::StatusOr<std::unique_ptr<StepInFlight>> Launch(const Batch& batch, std::span<const KvLayerView> kv,
                                                               int32_t block_size, const RankContext& rank,
                                                               StepControl& control) = 0;
  virtual absl::StatusOr<StepResult> Collect(std::unique_ptr<StepInFlight> step) = 0;
  virtual ExpertTier expert_tier() const { return {}; }
  // Experts take at most so much memory from now on, within what was planned; no token changes. To be called before
  // each step and from TakeDropped, again and again, since what is leased or being read is given back later.
  virtual void LimitExpertMemory(uint64_t /*num_bytes*/) {}
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_DECODER_H_
