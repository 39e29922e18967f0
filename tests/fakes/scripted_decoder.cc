#include "tests/fakes/scripted_decoder.h"

#include <cstring>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr int32_t kNumExperts = 4;
constexpr int32_t kTopK = 2;

class PlainBuffer final : public DeviceBuffer {
 public:
  explicit PlainBuffer(size_t num_bytes) : words_(num_bytes / sizeof(uint64_t) + 1), num_bytes_(num_bytes) {}
  void* data() override { return words_.data(); }
  size_t num_bytes() const override { return num_bytes_; }

 private:
  std::vector<uint64_t> words_;
  size_t num_bytes_;
};

class PlainStream final : public Stream {};

class ReadyEvent final : public Event {
 public:
  bool Ready() const override { return true; }
  absl::Status Wait(std::chrono::steady_clock::time_point) override { return absl::OkStatus(); }
};

class PlainDevice final : public Device {
 public:
  const DeviceInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(size_t num_bytes, MemorySpace) override {
    return std::make_unique<PlainBuffer>(num_bytes);
  }
  std::unique_ptr<Stream> NewStream() override { return std::make_unique<PlainStream>(); }
  absl::Status CopyAsync(const TensorView& source, const TensorView& destination, Stream&) override {
    FOREGATE_CHECK_EQ(source.num_bytes(), destination.num_bytes());
    std::memcpy(destination.data(), source.data(), source.num_bytes());
    return absl::OkStatus();
  }
  std::unique_ptr<Event> Record(Stream&) override { return std::make_unique<ReadyEvent>(); }

 private:
  DeviceInfo info_{"scripted", "none", "scripted/1", 1};
};

uint64_t Mix(uint64_t x) {  // finalizer of SplitMix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A layer's row of KV: `copies` times (token, position).
void WriteSlot(const TensorView& plane, int32_t slot, int32_t token, int32_t position) {
  const int64_t width = plane.dim(1) * plane.dim(2);
  int32_t* row = plane.as<int32_t>() + slot * width;
  for (int64_t i = 0; i < width; i += 2) {
    row[i] = token;
    row[i + 1] = position;
  }
}

uint64_t HashSlot(uint64_t hash, const TensorView& plane, int32_t slot) {
  const int64_t width = plane.dim(1) * plane.dim(2);
  const int32_t* row = plane.as<int32_t>() + slot * width;
  for (int64_t i = 0; i < width; ++i) hash = Mix(hash ^ static_cast<uint32_t>(row[i]));
  return hash;
}

void CheckBatch(const Batch& batch, std::span<const KvLayerView> kv, int32_t block_size) {
  const int64_t num_slots = kv[0].planes[0].dim(0);
  const size_t rows = batch.token_ids.size();
  FOREGATE_CHECK(rows > 0 && batch.positions.size() == rows && batch.slots.size() == rows &&
                 batch.row_sequences.size() == rows);
  FOREGATE_CHECK_EQ(batch.block_tables.size(), static_cast<size_t>(batch.num_sequences * batch.max_blocks));
  std::vector<uint8_t> written(static_cast<size_t>(num_slots));
  for (size_t r = 0; r < rows; ++r) {
    const int32_t sequence = batch.row_sequences[r];
    const int32_t position = batch.positions[r];
    const int32_t block = batch.block_tables[static_cast<size_t>(sequence * batch.max_blocks + position / block_size)];
    FOREGATE_CHECK_EQ(batch.slots[r], block * block_size + position % block_size);
    FOREGATE_CHECK(batch.slots[r] >= 0 && batch.slots[r] < num_slots);
    FOREGATE_CHECK(!std::exchange(written[static_cast<size_t>(batch.slots[r])], 1));
    if (r > 0 && batch.row_sequences[r - 1] == sequence) FOREGATE_CHECK_EQ(batch.positions[r - 1] + 1, position);
  }
}

}  // namespace

ScriptedDecoder::ScriptedDecoder(ScriptedDecoderOptions options) : options_(std::move(options)) {
  info_.architecture = "scripted";
  info_.weights_format = "none";
  info_.vocab_size = options_.vocab_size;
  info_.max_positions = options_.max_positions;
  info_.num_layers = 2;
  info_.num_experts = kNumExperts;
  info_.experts_per_token = kTopK;
  info_.hidden_size = 1;
  info_.moe_layers = {1};
  info_.weight_bytes = options_.weight_bytes;
  info_.dense_bytes = options_.dense_bytes;
  info_.identity[0] = 17;
  info_.identity[1] = 42;
  // Layers of different shapes, so that a copy that forgets one is seen: 2 * 8 + 8 + 16 bytes per token.
  layouts_ = {KvLayout{{{"keys", 1, 2, DType::kI32}, {"values", 1, 2, DType::kI32}}, 0},
              KvLayout{{{"keys", 1, 2, DType::kI32}, {"values", 2, 2, DType::kI32}}, 0}};
}

absl::StatusOr<std::unique_ptr<StepInFlight>> ScriptedDecoder::Launch(const Batch& batch,
                                                                      std::span<const KvLayerView> kv,
                                                                      int32_t block_size, const RankContext&,
                                                                      StepControl& control) {
  const uint64_t step = num_launches_++;
  if (options_.on_launch) FOREGATE_RETURN_IF_ERROR(options_.on_launch(step));
  CheckBatch(batch, kv, block_size);
  if (options_.on_batch) options_.on_batch(batch);
  dropped_.assign(static_cast<size_t>(batch.num_sequences), 0);
  const auto write_layer = [&](const KvLayerView& layer) {
    for (size_t r = 0; r < batch.token_ids.size(); ++r)
      if (!dropped_[static_cast<size_t>(batch.row_sequences[r])])
        for (const TensorView& plane : layer.planes)
          WriteSlot(plane, batch.slots[r], batch.token_ids[r], batch.positions[r]);
  };
  write_layer(kv[0]);
  if (options_.between_layers) options_.between_layers(step);
  for (const int32_t sequence : control.TakeDropped()) dropped_[static_cast<size_t>(sequence)] = 1;
  write_layer(kv[1]);
  if (options_.on_experts) failure_ = options_.on_experts(dropped_);

  routed_rows_.clear();
  experts_.clear();
  weights_.clear();
  for (size_t r = 0; r < batch.token_ids.size(); ++r) {
    if (dropped_[static_cast<size_t>(batch.row_sequences[r])]) continue;
    routed_rows_.push_back(static_cast<int32_t>(r));
    int32_t first_expert = batch.token_ids[r];
    if (options_.routes_by_first_token) {
      const int32_t block = batch.block_tables[static_cast<size_t>(batch.row_sequences[r] * batch.max_blocks)];
      const TensorView& keys = kv[0].planes[0];
      first_expert = keys.as<int32_t>()[block * block_size * keys.dim(1) * keys.dim(2)] % 2 * kTopK;
    }
    for (int32_t k = 0; k < kTopK; ++k) {
      experts_.push_back((first_expert + k) % kNumExperts);
      weights_.push_back(0.5f);
    }
  }
  routing_ = {.layer = 1, .rows = routed_rows_, .experts = experts_, .weights = weights_};

  logits_.clear();
  for (const int32_t row : batch.logits_rows) {
    const size_t r = static_cast<size_t>(row);
    uint64_t hash = 0;
    for (int32_t position = 0; position <= batch.positions[r]; ++position) {
      const int32_t block =
          batch.block_tables[static_cast<size_t>(batch.row_sequences[r] * batch.max_blocks + position / block_size)];
      for (const KvLayerView& layer : kv)
        for (const TensorView& plane : layer.planes)
          hash = HashSlot(hash, plane, block * block_size + position % block_size);
    }
    const size_t first = logits_.size();
    for (int32_t v = 0; v < options_.vocab_size; ++v)
      logits_.push_back(static_cast<float>(Mix(hash + static_cast<uint64_t>(v)) >> 40) * 0x1p-21f - 4.0f);
    if (options_.on_logits) options_.on_logits(batch.token_ids[r], std::span(logits_).subspan(first));
  }
  return std::make_unique<StepInFlight>();
}

absl::StatusOr<StepResult> ScriptedDecoder::Collect(std::unique_ptr<StepInFlight>) {
  StepResult result;
  result.logits = logits_;
  result.dropped = dropped_;
  result.failure = failure_;
  result.routing = {&routing_, 1};
  return result;
}

Backend MakeScriptedBackend() {
  Backend backend;
  backend.device = std::make_unique<PlainDevice>();
  return backend;
}

}  // namespace foregate
