#include "engine/model/transformer_decoder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "engine/model/container/learned_guesses.h"
#include "engine/model/kv_planes.h"
#include "engine/model/rope_table.h"
#include "engine/moe/moe_layer.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr auto kNoDeadline = std::chrono::steady_clock::time_point::max();

// Waits for its step when nobody collects it.
class LaunchedStep : public StepInFlight {
 public:
  explicit LaunchedStep(const Decoder* decoder) : decoder_(decoder) {}
  ~LaunchedStep() override {
    // The buffers serve the next step: there is nothing better to do than to wait, and nobody to tell of a failure.
    if (done_ != nullptr) done_->Wait(kNoDeadline).IgnoreError();
  }
  const Decoder* decoder() const { return decoder_; }
  void Begin(std::unique_ptr<Event> done) { done_ = std::move(done); }
  absl::Status Wait(std::chrono::steady_clock::time_point deadline) {
    FOREGATE_RETURN_IF_ERROR(done_->Wait(deadline));
    done_.reset();
    return absl::OkStatus();
  }

 private:
  const Decoder* decoder_;
  std::unique_ptr<Event> done_;  // null: collected
};

// Of the layer whose experts they are.
const TensorView& CommittedIds(const RowState& rows, size_t layer) {
  return rows.committed_ids[layer % rows.committed_ids.size()];
}

absl::Status TooMany(const char* what, int64_t number, int64_t limit) {
  return absl::ResourceExhaustedError("step: " + std::to_string(number) + " " + what + ", limit " +
                                      std::to_string(limit));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TransformerDecoder>> TransformerDecoder::Create(ModelConfig config, DecoderInfo info,
                                                                               const WorkspaceLimits& limits,
                                                                               LoadedWeights weights, DType kv_dtype,
                                                                               std::optional<GuessSource> prefetch,
                                                                               const Backend& backend) {
  std::unique_ptr<Prefetcher> prefetcher;
  if (prefetch.has_value() && !weights.cache->holds_all()) {
    const RouteShape shape = Prefetcher::ShapeOf(*weights.experts, config.moe.experts_per_token);
    absl::StatusOr<RoutePredictor> predictor =
        weights.container_path.empty()
            ? RoutePredictor::Create(shape)
            : LoadGuesses(LearnedGuessesPath(weights.container_path), shape, weights.digest[0]);
    // A file that is not there, or of no use: what it held is learned again.
    if (!predictor.ok()) predictor = RoutePredictor::Create(shape);
    FOREGATE_RETURN_IF_ERROR(predictor.status());
    prefetcher = std::make_unique<Prefetcher>(*weights.cache, *weights.experts, *prefetch, *std::move(predictor));
  }
  std::unique_ptr<TransformerDecoder> decoder(new TransformerDecoder(
      std::move(config), std::move(info), limits, std::move(weights), kv_dtype, std::move(prefetcher), backend));
  FOREGATE_RETURN_IF_ERROR(decoder->AllocateBuffers());
  return decoder;
}

TransformerDecoder::TransformerDecoder(ModelConfig config, DecoderInfo info, const WorkspaceLimits& limits,
                                       LoadedWeights weights, DType kv_dtype, std::unique_ptr<Prefetcher> prefetcher,
                                       const Backend& backend)
    : config_(std::move(config)),
      info_(std::move(info)),
      limits_(limits),
      kv_layouts_(MakeKvLayouts(config_, kv_dtype)),
      backend_(backend),
      weights_(std::move(weights)),
      prefetcher_(std::move(prefetcher)),
      dispatcher_(*weights_.cache, prefetcher_.get(), backend_),
      stream_(backend_.device->NewStream()) {}

TransformerDecoder::~TransformerDecoder() {
  // Whatever is enqueued still reads the buffers.
  backend_.device->Record(*stream_)->Wait(kNoDeadline).IgnoreError();
  // On a read-only volume it is learned again.
  if (prefetcher_ != nullptr && !weights_.container_path.empty())
    SaveGuesses(LearnedGuessesPath(weights_.container_path), prefetcher_->predictor(), weights_.digest[0])
        .IgnoreError();
}

absl::Status TransformerDecoder::AllocateBuffers() {
  Device& device = *backend_.device;
  const WorkspaceBytes bytes = MeasureWorkspace(config_, limits_);
  FOREGATE_ASSIGN_OR_RETURN(device_buffer_, device.Allocate(bytes.device, MemorySpace::kDevice));
  FOREGATE_ASSIGN_OR_RETURN(host_buffer_, device.Allocate(bytes.host, MemorySpace::kHost));
  workspace_ = LayOutWorkspace(config_, limits_, device_buffer_->data(), host_buffer_->data());
  const auto num_moe_layers = static_cast<size_t>(
      std::count_if(config_.layers.begin(), config_.layers.end(), [](const LayerConfig& l) { return l.is_moe; }));
  step_.routing.reserve(num_moe_layers);
  step_.routed_rows.resize(num_moe_layers * static_cast<size_t>(limits_.max_batch_tokens));

  const int32_t half = config_.attention.head_dim / 2;
  const size_t num_angles = static_cast<size_t>(info_.max_positions) * static_cast<size_t>(half);
  FOREGATE_ASSIGN_OR_RETURN(rope_buffer_, device.Allocate(2 * num_angles * sizeof(float), MemorySpace::kDevice));
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<DeviceBuffer> staging,
                            device.Allocate(2 * num_angles * sizeof(float), MemorySpace::kHost));
  float* angles = static_cast<float*>(staging->data());
  FillRopeTable(info_.max_positions, config_.attention.head_dim, config_.rope_theta, {angles, num_angles},
                {angles + num_angles, num_angles});
  const TensorView both(rope_buffer_->data(), DType::kF32, {2 * int64_t{info_.max_positions}, half});
  const absl::Status copied =
      device.CopyAsync(TensorView(staging->data(), DType::kF32, {both.dim(0), half}), both, *stream_);
  FOREGATE_RETURN_IF_ERROR(device.Record(*stream_)->Wait(kNoDeadline));
  cos_ = both.Rows(0, info_.max_positions);
  sin_ = both.Rows(info_.max_positions, info_.max_positions);
  return copied;
}

absl::Status TransformerDecoder::CheckBatch(const Batch& batch, std::span<const KvLayerView> kv,
                                            const RankContext& rank) const {
  if (rank.rank != 0 || rank.num_ranks != 1)
    return absl::UnimplementedError("step: rank " + std::to_string(rank.rank) + " of " +
                                    std::to_string(rank.num_ranks) + "; only rank 0 of 1 is supported");
  const size_t num_rows = batch.token_ids.size();
  FOREGATE_CHECK(batch.positions.size() == num_rows && batch.slots.size() == num_rows);
  FOREGATE_CHECK_EQ(batch.row_sequences.size(), num_rows);
  FOREGATE_CHECK_EQ(batch.block_tables.size(),
                    static_cast<size_t>(batch.num_sequences) * static_cast<size_t>(batch.max_blocks));
  FOREGATE_CHECK_EQ(kv.size(), config_.layers.size());
  if (batch.num_rows() > limits_.max_batch_tokens) return TooMany("rows", batch.num_rows(), limits_.max_batch_tokens);
  if (batch.num_sequences > limits_.max_sequences)
    return TooMany("sequences", batch.num_sequences, limits_.max_sequences);
  if (batch.max_blocks > limits_.max_blocks_per_sequence)
    return TooMany("blocks per sequence", batch.max_blocks, limits_.max_blocks_per_sequence);
  if (batch.logits_rows.size() > static_cast<size_t>(limits_.max_logits_rows))
    return TooMany("rows with logits", static_cast<int64_t>(batch.logits_rows.size()), limits_.max_logits_rows);
  for (size_t row = 0; row < num_rows; ++row) {
    if (batch.token_ids[row] < 0 || batch.token_ids[row] >= config_.vocab_size)
      return absl::InvalidArgumentError("step: token id " + std::to_string(batch.token_ids[row]) + ", vocabulary " +
                                        std::to_string(config_.vocab_size));
    if (batch.positions[row] < 0 || batch.positions[row] >= info_.max_positions)
      return absl::InvalidArgumentError("step: position " + std::to_string(batch.positions[row]) + ", limit " +
                                        std::to_string(info_.max_positions));
    FOREGATE_CHECK(batch.row_sequences[row] >= 0 && batch.row_sequences[row] < batch.num_sequences);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StepInFlight>> TransformerDecoder::Launch(const Batch& batch,
                                                                         std::span<const KvLayerView> kv,
                                                                         int32_t block_size, const RankContext& rank,
                                                                         StepControl& control) {
  FOREGATE_RETURN_IF_ERROR(CheckBatch(batch, kv, rank));
  const auto began = std::chrono::steady_clock::now();
  const absl::Status enqueued = Run(batch, kv, block_size, control);
  if (prefetcher_ != nullptr)
    prefetcher_->EndStep(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  step_.deadline = control.wait_deadline();
  std::unique_ptr<StepInFlight> step = std::move(spare_step_);
  if (step == nullptr) step = std::make_unique<LaunchedStep>(this);
  static_cast<LaunchedStep*>(step.get())->Begin(backend_.device->Record(*stream_));
  // A failed step still drains: its destructor waits.
  FOREGATE_RETURN_IF_ERROR(enqueued);
  return step;
}

absl::Status TransformerDecoder::Run(const Batch& batch, std::span<const KvLayerView> kv, int32_t block_size,
                                     StepControl& control) {
  FOREGATE_RETURN_IF_ERROR(Upload(batch));
  const AttentionStep attention{
      .cos = cos_,
      .sin = sin_,
      .block_tables = workspace_.block_tables.Rows(0, static_cast<int64_t>(batch.block_tables.size()))
                          .Reshape({batch.num_sequences, batch.max_blocks})};
  if (step_.num_rows() > 0)
    FOREGATE_RETURN_IF_ERROR(backend_.kernels->Embed(
        {.table = weights_.dense.embedding, .ids = step_.w.token_ids, .out = step_.rows().hidden}, *stream_));
  for (size_t layer = 0; layer < config_.layers.size(); ++layer) {
    FOREGATE_RETURN_IF_ERROR(DropRows(batch, layer, control));
    if (step_.num_rows() == 0) return absl::OkStatus();
    FOREGATE_RETURN_IF_ERROR(RunLayer(layer, kv[layer], block_size, attention, batch, control));
  }
  FOREGATE_RETURN_IF_ERROR(DropRows(batch, config_.layers.size(), control));
  return ComputeLogits(batch);
}

absl::Status TransformerDecoder::CopyIn(std::span<const int32_t> values, const TensorView& staging,
                                        const TensorView& destination) {
  if (values.empty()) return absl::OkStatus();
  const auto count = static_cast<int64_t>(values.size());
  const TensorView source = staging.Rows(0, count);
  std::memcpy(source.as<int32_t>(), values.data(), values.size_bytes());
  return backend_.device->CopyAsync(source, destination.Rows(0, count), *stream_);
}

absl::Status TransformerDecoder::Upload(const Batch& batch) {
  const int32_t num_rows = batch.num_rows();
  step_.current = 0;
  step_.num_drops = 0;
  step_.num_commitments = 0;
  // Here, because a step whose rows are all dropped never reaches ComputeLogits.
  step_.num_logits_rows = batch.logits_rows.size();
  step_.alive_rows.resize(static_cast<size_t>(num_rows));
  for (int32_t row = 0; row < num_rows; ++row) step_.alive_rows[static_cast<size_t>(row)] = row;
  step_.dropped.assign(static_cast<size_t>(batch.num_sequences), 0);
  step_.has_dropped_rows = false;
  step_.failure = absl::OkStatus();
  step_.routing.clear();
  step_.w = workspace_.Slice(num_rows);
  const Workspace& w = workspace_;
  FOREGATE_RETURN_IF_ERROR(CopyIn(batch.token_ids, w.host_token_ids, w.token_ids));
  FOREGATE_RETURN_IF_ERROR(CopyIn(batch.positions, w.host_positions, w.rows[0].positions));
  FOREGATE_RETURN_IF_ERROR(CopyIn(batch.slots, w.host_slots, w.rows[0].slots));
  FOREGATE_RETURN_IF_ERROR(CopyIn(batch.row_sequences, w.host_row_sequences, w.rows[0].row_sequences));
  return CopyIn(batch.block_tables, w.host_block_tables, w.block_tables);
}

absl::Status TransformerDecoder::RunLayer(size_t layer, const KvLayerView& kv, int32_t block_size,
                                          const AttentionStep& attention, const Batch& batch, StepControl& control) {
  Kernels& kernels = *backend_.kernels;
  const LayerWeights& weights = weights_.dense.layers[layer];
  const Workspace& w = step_.w;
  const TensorView& hidden = step_.rows().hidden;
  const float eps = config_.rms_norm_eps;
  const PagedKvView planes{.keys = kv.planes[0], .values = kv.planes[1], .block_size = block_size};

  FOREGATE_RETURN_IF_ERROR(
      kernels.RmsNorm({.x = hidden, .weight = weights.input_norm, .eps = eps, .out = w.normed}, *stream_));
  FOREGATE_RETURN_IF_ERROR(AttentionLayer(config_, config_.layers[layer].window, weights.attention, attention,
                                          step_.rows(), planes, w, kernels, *stream_));
  FOREGATE_RETURN_IF_ERROR(kernels.Accumulate({.y = w.branch, .gate_logits = {}, .acc = hidden}, *stream_));
  FOREGATE_RETURN_IF_ERROR(
      kernels.RmsNorm({.x = hidden, .weight = weights.post_attention_norm, .eps = eps, .out = w.normed}, *stream_));
  FOREGATE_RETURN_IF_ERROR(RunPreGate(layer));
  if (config_.layers[layer].is_moe) {
    FOREGATE_RETURN_IF_ERROR(RunMoe(layer, batch, control));
  } else {
    FOREGATE_RETURN_IF_ERROR(DenseFfn(weights.dense, w.normed, w.dense, w.branch, kernels, *stream_));
  }
  return kernels.Accumulate({.y = w.branch, .gate_logits = {}, .acc = hidden}, *stream_);
}

absl::Status TransformerDecoder::RunPreGate(size_t layer) {
  const size_t target = layer + static_cast<size_t>(config_.pre_gate_distance);
  step_.committed = {};
  if (!config_.IsPreGated(target)) return absl::OkStatus();
  // Earlier commitments may still be copied: each has its own place on the host.
  const int64_t first = int64_t{step_.num_commitments++} * limits_.max_batch_tokens;
  step_.committed = {.layer = static_cast<int32_t>(target),
                     .expert_ids = CommittedIds(step_.rows(), target),
                     .host_expert_ids = workspace_.host_committed_ids.Rows(first, step_.num_rows())};
  // The layer's own routing, which comes behind, uses the scratch again.
  const RoutingTable& table = step_.w.moe.routing;
  return CommitExperts(config_.moe.scoring, step_.w.normed, weights_.dense.layers[target].moe.pre_gate,
                       {.logits = table.logits, .weights = table.weights}, step_.committed, backend_, *stream_);
}

absl::Status TransformerDecoder::LookAhead(size_t layer) {
  if (prefetcher_ == nullptr) return absl::OkStatus();
  if (!step_.committed.host_expert_ids.empty()) {
    prefetcher_->Commit(step_.committed.layer, step_.committed.host_expert_ids);
    return absl::OkStatus();
  }
  const std::optional<int32_t> target = prefetcher_->GuessedLayer(static_cast<int32_t>(layer), step_.num_rows());
  if (!target.has_value() || config_.IsPreGated(static_cast<size_t>(*target))) return absl::OkStatus();
  const auto rows = [&](const TensorView& view) { return view.Rows(0, step_.num_rows()); };
  const TensorView host_ids = rows(workspace_.host_guessed_ids);
  FOREGATE_RETURN_IF_ERROR(CommitExperts(
      config_.moe.scoring, step_.w.normed, weights_.dense.layers[static_cast<size_t>(*target)].moe.gate,
      {.logits = step_.w.moe.routing.logits, .weights = rows(workspace_.guessed_weights)},
      {.layer = *target, .expert_ids = rows(workspace_.guessed_ids), .host_expert_ids = host_ids}, backend_, *stream_));
  prefetcher_->Guess(*target, host_ids);
  return absl::OkStatus();
}

absl::Status TransformerDecoder::RunMoe(size_t layer, const Batch& batch, StepControl& control) {
  const auto first = static_cast<int64_t>(step_.routing.size()) * limits_.max_batch_tokens;
  MoeBuffers buffers = step_.w.moe;
  const TensorView& ids = buffers.routing.host_expert_ids = workspace_.host_expert_ids.Rows(first, step_.num_rows());
  const TensorView& mix = buffers.routing.host_weights = workspace_.host_weights.Rows(first, step_.num_rows());
  // Later layers may drop rows, so each keeps its own list.
  int32_t* rows = step_.routed_rows.data() + first;
  std::copy(step_.alive_rows.begin(), step_.alive_rows.end(), rows);
  const auto num_entries = static_cast<size_t>(ids.num_elements());
  step_.routing.push_back({.layer = static_cast<int32_t>(layer),
                           .rows = {rows, step_.alive_rows.size()},
                           .experts = {ids.as<int32_t>(), num_entries},
                           .weights = {mix.as<float>(), num_entries}});
  FOREGATE_RETURN_IF_ERROR(LookAhead(layer));
  const bool is_committed = config_.IsPreGated(layer);
  if (is_committed) buffers.routing.expert_ids = CommittedIds(step_.rows(), layer);
  const RouterOptions options{
      .scoring = config_.moe.scoring, .normalize_weights = config_.moe.normalize_weights, .is_committed = is_committed};
  LayerRows waiting(this, batch, control);
  FOREGATE_RETURN_IF_ERROR(MoeLayer(static_cast<int32_t>(layer), options, weights_.dense.layers[layer].moe,
                                    step_.w.normed, buffers, step_.w.branch, dispatcher_, waiting, backend_, *stream_));
  if (!dispatcher_.failures().empty()) MarkFailed(batch, ids);
  return absl::OkStatus();
}

void TransformerDecoder::MarkFailed(const Batch& batch, const TensorView& expert_ids) {
  const int32_t* ids = expert_ids.as<int32_t>();
  const int64_t top_k = expert_ids.dim(1);
  for (const ExpertFailure& failure : dispatcher_.failures()) {
    if (step_.failure.ok()) step_.failure = failure.status;
    for (int64_t i = 0; i < expert_ids.num_elements(); ++i) {
      if (ids[i] != failure.expert) continue;
      const auto row = static_cast<size_t>(step_.alive_rows[static_cast<size_t>(i / top_k)]);
      step_.dropped[static_cast<size_t>(batch.row_sequences[row])] = 1;
    }
  }
  step_.has_dropped_rows = true;
}

void TransformerDecoder::TakeDropped(const Batch& batch, StepControl& control) {
  for (const int32_t sequence : control.TakeDropped()) {
    FOREGATE_CHECK(sequence >= 0 && sequence < batch.num_sequences);
    step_.dropped[static_cast<size_t>(sequence)] = 1;
    step_.has_dropped_rows = true;
  }
}

void TransformerDecoder::LayerRows::FindDropped(std::span<uint8_t> is_dropped) {
  decoder_->TakeDropped(batch_, control_);
  for (size_t row = 0; row < is_dropped.size(); ++row) is_dropped[row] = decoder_->is_dropped(batch_, row) ? 1 : 0;
}

absl::Status TransformerDecoder::DropRows(const Batch& batch, size_t next_layer, StepControl& control) {
  TakeDropped(batch, control);
  if (!std::exchange(step_.has_dropped_rows, false)) return absl::OkStatus();
  std::vector<int32_t>& kept = step_.kept_rows;
  kept.clear();
  for (size_t row = 0; row < step_.alive_rows.size(); ++row) {
    if (!is_dropped(batch, row)) kept.push_back(static_cast<int32_t>(row));
  }
  return kept.size() == step_.alive_rows.size() ? absl::OkStatus() : KeepRows(kept, next_layer);
}

absl::Status TransformerDecoder::KeepRows(const std::vector<int32_t>& kept, size_t next_layer) {
  const RowState before = step_.rows();
  for (size_t row = 0; row < kept.size(); ++row)
    step_.alive_rows[row] = step_.alive_rows[static_cast<size_t>(kept[row])];
  step_.alive_rows.resize(kept.size());
  step_.current = 1 - step_.current;
  step_.w = workspace_.Slice(step_.num_rows());
  if (kept.empty()) return absl::OkStatus();
  const TensorView staging = workspace_.host_kept_rows.Rows(step_.num_drops++, 1);
  FOREGATE_RETURN_IF_ERROR(CopyIn(kept, staging.Reshape({limits_.max_batch_tokens}), workspace_.kept_rows));
  const RowState& after = step_.rows();
  const auto gather = [&](const TensorView& from, const TensorView& to, int64_t width) {
    return backend_.kernels->GatherRows(
        {.x = from.Reshape({from.dim(0), width}), .rows = step_.w.kept_rows, .out = to.Reshape({to.dim(0), width})},
        *stream_);
  };
  FOREGATE_RETURN_IF_ERROR(gather(before.hidden, after.hidden, config_.hidden_size));
  FOREGATE_RETURN_IF_ERROR(gather(before.positions, after.positions, 1));
  FOREGATE_RETURN_IF_ERROR(gather(before.slots, after.slots, 1));
  // Committed by layers behind, for this layer and those ahead.
  for (size_t ahead = 0; ahead < static_cast<size_t>(config_.pre_gate_distance); ++ahead) {
    const size_t layer = next_layer + ahead;
    if (!config_.IsPreGated(layer)) continue;
    FOREGATE_RETURN_IF_ERROR(
        gather(CommittedIds(before, layer), CommittedIds(after, layer), config_.moe.experts_per_token));
  }
  return gather(before.row_sequences, after.row_sequences, 1);
}

void TransformerDecoder::FindLogitsRows(const Batch& batch) {
  step_.logits_rows.clear();
  step_.logits_places.clear();
  size_t alive = 0;
  for (size_t place = 0; place < batch.logits_rows.size(); ++place) {
    while (alive < step_.alive_rows.size() && step_.alive_rows[alive] < batch.logits_rows[place]) ++alive;
    if (alive == step_.alive_rows.size() || step_.alive_rows[alive] != batch.logits_rows[place]) continue;
    step_.logits_rows.push_back(static_cast<int32_t>(alive));
    step_.logits_places.push_back(static_cast<int64_t>(place));
  }
}

absl::Status TransformerDecoder::ComputeLogits(const Batch& batch) {
  // Wanted rows that are alive: where they are now, and where their logits belong. Both lists ascend.
  FindLogitsRows(batch);
  const std::vector<int32_t>& rows = step_.logits_rows;
  const std::vector<int64_t>& places = step_.logits_places;
  if (rows.empty()) return absl::OkStatus();
  Kernels& kernels = *backend_.kernels;
  const auto num_rows = static_cast<int64_t>(rows.size());
  // kept_rows is free again: whatever read it is enqueued.
  const TensorView row_ids = workspace_.kept_rows.Rows(0, num_rows);
  const TensorView hidden = workspace_.logits_hidden.Rows(0, num_rows);
  const TensorView logits = workspace_.logits.Rows(0, num_rows);
  FOREGATE_RETURN_IF_ERROR(CopyIn(rows, workspace_.host_logits_rows, row_ids));
  FOREGATE_RETURN_IF_ERROR(kernels.GatherRows({.x = step_.rows().hidden, .rows = row_ids, .out = hidden}, *stream_));
  FOREGATE_RETURN_IF_ERROR(kernels.RmsNorm(
      {.x = hidden, .weight = weights_.dense.final_norm, .eps = config_.rms_norm_eps, .out = hidden}, *stream_));
  FOREGATE_RETURN_IF_ERROR(
      kernels.Linear({.x = hidden, .weight = weights_.dense.lm_head, .bias = {}, .out = logits}, *stream_));
  const TensorView largest = workspace_.largest.Rows(0, num_rows);
  FOREGATE_RETURN_IF_ERROR(kernels.ArgMax({.x = logits, .out = largest}, *stream_));
  // One copy of each per run of neighbours; without dropped rows that is one.
  for (size_t first = 0; first < places.size();) {
    size_t end = first + 1;
    while (end < places.size() && places[end] == places[end - 1] + 1) ++end;
    const auto count = static_cast<int64_t>(end - first);
    const auto copy = [&](const TensorView& from, const TensorView& to) {
      return backend_.device->CopyAsync(from.Rows(static_cast<int64_t>(first), count), to.Rows(places[first], count),
                                        *stream_);
    };
    FOREGATE_RETURN_IF_ERROR(copy(logits, workspace_.host_logits));
    FOREGATE_RETURN_IF_ERROR(copy(largest, workspace_.host_largest));
    first = end;
  }
  return absl::OkStatus();
}

absl::Status TransformerDecoder::CheckRouting() const {
  for (const LayerRouting& routing : step_.routing) {
    for (const int32_t expert : routing.experts) {
      if (expert < 0 || expert >= config_.moe.num_experts)
        return absl::InternalError("layer " + std::to_string(routing.layer) + ": router chose expert " +
                                   std::to_string(expert));
    }
  }
  return absl::OkStatus();
}

const char* TransformerDecoder::PrefetchName() const {
  if (weights_.cache->holds_all()) return "";
  if (prefetcher_ == nullptr) return "off";
  switch (prefetcher_->source()) {
    case GuessSource::kRouter:
      return "router";
    case GuessSource::kPredictor:
      return "predictor";
    case GuessSource::kNone:
      break;
  }
  return "committed";
}

ExpertTier TransformerDecoder::expert_tier() const {
  const ExpertCache& cache = *weights_.cache;
  const ExpertStore* store = weights_.store.get();
  return {.num_experts = weights_.experts->size(),
          .num_slots = cache.num_slots(),
          .slot_bytes = cache.slot_bytes(),
          .least_slot_bytes = cache.least_slot_bytes(),
          .cache = cache.holds_all() ? nullptr : &cache.counters(),
          .store = store == nullptr ? nullptr : store->counters(),
          .board = &cache.board(),
          .source = store == nullptr ? "" : store->description(),
          .file = store == nullptr ? "" : store->file(),
          .prefetch = PrefetchName()};
}

absl::StatusOr<StepResult> TransformerDecoder::Collect(std::unique_ptr<StepInFlight> step) {
  auto* launched = static_cast<LaunchedStep*>(step.get());
  FOREGATE_CHECK(launched != nullptr && launched->decoder() == this);
  FOREGATE_RETURN_IF_ERROR(launched->Wait(step_.deadline));
  spare_step_ = std::move(step);
  FOREGATE_RETURN_IF_ERROR(CheckRouting());
  const size_t num_rows = step_.num_logits_rows;
  const size_t vocab = static_cast<size_t>(config_.vocab_size);
  return StepResult{.logits = {workspace_.host_logits.as<float>(), num_rows * vocab},
                    .largest = {workspace_.host_largest.as<int32_t>(), num_rows},
                    .dropped = step_.dropped,
                    .failure = step_.failure,
                    .routing = step_.routing};
}

}  // namespace foregate
