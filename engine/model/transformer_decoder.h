// TransformerDecoder: the Decoder of every supported family, a pre-norm transformer whose feed-forward halves are dense
// or mixtures of experts.
#ifndef FOREGATE_ENGINE_MODEL_TRANSFORMER_DECODER_H_
#define FOREGATE_ENGINE_MODEL_TRANSFORMER_DECODER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/attention_layer.h"
#include "engine/model/decoder.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_loader.h"
#include "engine/model/workspace.h"
#include "engine/moe/dispatcher.h"
#include "engine/moe/pre_gate.h"
#include "engine/moe/prefetcher.h"
#include "engine/moe/waiting_rows.h"
#include "kernels/api/kernels.h"

namespace foregate {

class TransformerDecoder : public Decoder {
 public:
  // `backend` must outlive the decoder. `prefetch`: what foretells experts; absent: none is fetched before it is
  // wanted, not even a committed one. `info` is what the decoder answers; its max_positions bounds the rotary table.
  static absl::StatusOr<std::unique_ptr<TransformerDecoder>> Create(ModelConfig config, DecoderInfo info,
                                                                    const WorkspaceLimits& limits,
                                                                    LoadedWeights weights, DType kv_dtype,
                                                                    std::optional<GuessSource> prefetch,
                                                                    const Backend& backend);
  ~TransformerDecoder() override;

  const DecoderInfo& info() const override { return info_; }
  const std::vector<KvLayout>& kv_layouts() const override { return kv_layouts_; }
  absl::StatusOr<std::unique_ptr<StepInFlight>> Launch(const Batch& batch, std::span<const KvLayerView> kv,
                                                       int32_t block_size, const RankContext& rank,
                                                       StepControl& control) override;
  absl::StatusOr<StepResult> Collect(std::unique_ptr<StepInFlight> step) override;
  ExpertTier expert_tier() const override;
  void LimitExpertMemory(uint64_t num_bytes) override { weights_.cache->Resize(num_bytes); }

 private:
  // The step in flight, on the host's side. Kept between steps for its capacity.
  struct Step {
    int current = 0;                     // which of Workspace::rows holds the rows
    int num_drops = 0;                   // how often rows were dropped
    int num_commitments = 0;             // how often a pre-gate chose
    CommittedExperts committed;          // by the running layer for one ahead; without ids: none
    std::vector<int32_t> alive_rows;     // batch row of each current row
    std::vector<uint8_t> dropped;        // [num_sequences]
    bool has_dropped_rows = false;       // sequences were marked that still have rows
    absl::Status failure;                // the first of the step
    std::vector<LayerRouting> routing;   // views of routed_rows and of the workspace
    std::vector<int32_t> routed_rows;    // [MoE layers, max_batch_tokens]
    std::vector<int32_t> kept_rows;      // current rows that survive a drop
    std::vector<int32_t> logits_rows;    // current rows that need logits
    std::vector<int64_t> logits_places;  // of logits_rows, in the host's logits
    size_t num_logits_rows = 0;          // of the batch
    Workspace w;                         // sliced to the current rows
    std::chrono::steady_clock::time_point deadline;

    const RowState& rows() const { return w.rows[current]; }
    int64_t num_rows() const { return static_cast<int64_t>(alive_rows.size()); }
  };

  // The running layer's rows, for the dispatcher's waits.
  class LayerRows final : public WaitingRows {
   public:
    LayerRows(TransformerDecoder* decoder, const Batch& batch, StepControl& control)
        : decoder_(decoder), batch_(batch), control_(control) {}
    std::chrono::steady_clock::time_point wait_deadline() const override { return control_.wait_deadline(); }
    void FindDropped(std::span<uint8_t> is_dropped) override;

   private:
    TransformerDecoder* const decoder_;
    const Batch& batch_;
    StepControl& control_;
  };

  TransformerDecoder(ModelConfig config, DecoderInfo info, const WorkspaceLimits& limits, LoadedWeights weights,
                     DType kv_dtype, std::unique_ptr<Prefetcher> prefetcher, const Backend& backend);
  absl::Status AllocateBuffers();
  absl::Status CheckBatch(const Batch& batch, std::span<const KvLayerView> kv, const RankContext& rank) const;
  // Enqueues the whole step.
  absl::Status Run(const Batch& batch, std::span<const KvLayerView> kv, int32_t block_size, StepControl& control);
  absl::Status Upload(const Batch& batch);
  absl::Status RunLayer(size_t layer, const KvLayerView& kv, int32_t block_size, const AttentionStep& attention,
                        const Batch& batch, StepControl& control);
  absl::Status RunMoe(size_t layer, const Batch& batch, StepControl& control);
  // Gives up the sequences whose rows chose an expert that could not be read.
  void MarkFailed(const Batch& batch, const TensorView& expert_ids);
  // Chooses the experts of the layer that the pre-gates have `layer` choose for, if any.
  absl::Status RunPreGate(size_t layer);
  // Tells the prefetcher what is known of a layer ahead: what a pre-gate chose, or what that layer's router says now.
  absl::Status LookAhead(size_t layer);
  // Fills step_.logits_rows and step_.logits_places.
  void FindLogitsRows(const Batch& batch);
  // Marks the sequences that the caller gives up.
  void TakeDropped(const Batch& batch, StepControl& control);
  bool is_dropped(const Batch& batch, size_t current_row) const {
    const auto row = static_cast<size_t>(step_.alive_rows[current_row]);
    return step_.dropped[static_cast<size_t>(batch.row_sequences[row])] != 0;
  }
  // Removes the rows of marked sequences, before `next_layer`.
  absl::Status DropRows(const Batch& batch, size_t next_layer, StepControl& control);
  absl::Status KeepRows(const std::vector<int32_t>& kept, size_t next_layer);
  // lm_head for the rows that are wanted and alive, to their places in the host's logits.
  absl::Status ComputeLogits(const Batch& batch);
  // Copies `values` to the device by way of `staging` (host memory that no pending copy reads).
  absl::Status CopyIn(std::span<const int32_t> values, const TensorView& staging, const TensorView& destination);
  absl::Status CheckRouting() const;
  const char* PrefetchName() const;

  const ModelConfig config_;
  DecoderInfo info_;
  const WorkspaceLimits limits_;
  std::vector<KvLayout> kv_layouts_;
  const Backend& backend_;
  LoadedWeights weights_;
  std::unique_ptr<DeviceBuffer> device_buffer_;
  std::unique_ptr<DeviceBuffer> host_buffer_;
  std::unique_ptr<DeviceBuffer> rope_buffer_;
  TensorView cos_, sin_;                    // [max positions, D / 2]
  Workspace workspace_;                     // for the largest step
  std::unique_ptr<Prefetcher> prefetcher_;  // null when every expert has a slot, or when it is not wanted
  Dispatcher dispatcher_;
  std::unique_ptr<Stream> stream_;
  Step step_;
  std::unique_ptr<StepInFlight> spare_step_;  // collected; the next Launch uses it again
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_TRANSFORMER_DECODER_H_
