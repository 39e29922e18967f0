// ScriptedDecoder: a decoder without a model. The logits of a row are a hash of the tokens that it finds in the KV
// slots of its sequence, so that a wrong block table, a lost block or one shared too early changes the tokens.
//
// Every row writes (token, position) into two planes of two layers; a row's history is read back by walking its block
// table from position 0. The planes live in memory of ScriptedDevice(), which the host can read.
#ifndef FOREGATE_TESTS_FAKES_SCRIPTED_DECODER_H_
#define FOREGATE_TESTS_FAKES_SCRIPTED_DECODER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/decoder.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct ScriptedDecoderOptions {
  int32_t vocab_size = 64;
  int32_t max_positions = 512;
  ExpertTier tier = {};
  uint64_t weight_bytes = 0, dense_bytes = 0;  // as DecoderInfo has them
  // A row's experts follow from the first token of its sequence, and not from its own: streams differ for good. Even
  // first tokens want experts 0 and 1, odd ones 2 and 3.
  bool routes_by_first_token = false;
  // Asked before each launch with the number of launches so far; an error fails the step.
  std::function<absl::Status(uint64_t step)> on_launch;
  // Called in the middle of each step, before the decoder polls for dropped sequences.
  std::function<void(uint64_t step)> between_layers;
  // Called after each batch was checked.
  std::function<void(const Batch& batch)> on_batch;
  // May set dropped[sequence] to 1, and says why: of experts that could not be read.
  std::function<absl::Status(std::span<uint8_t> dropped)> on_experts;
  // May change a row's logits, e.g. to NaN. `token` is the row's.
  std::function<void(int32_t token, std::span<float> logits)> on_logits;
};

class ScriptedDecoder final : public Decoder {
 public:
  explicit ScriptedDecoder(ScriptedDecoderOptions options = {});

  const DecoderInfo& info() const override { return info_; }
  const std::vector<KvLayout>& kv_layouts() const override { return layouts_; }
  absl::StatusOr<std::unique_ptr<StepInFlight>> Launch(const Batch& batch, std::span<const KvLayerView> kv,
                                                       int32_t block_size, const RankContext& rank,
                                                       StepControl& control) override;
  absl::StatusOr<StepResult> Collect(std::unique_ptr<StepInFlight> step) override;
  ExpertTier expert_tier() const override { return options_.tier; }

 private:
  const ScriptedDecoderOptions options_;
  DecoderInfo info_;
  std::vector<KvLayout> layouts_;
  uint64_t num_launches_ = 0;
  std::vector<float> logits_;
  std::vector<uint8_t> dropped_;
  absl::Status failure_;
  // Of the one layer that routes.
  std::vector<int32_t> routed_rows_, experts_;
  std::vector<float> weights_;
  LayerRouting routing_;
};

// KV bytes per token of the scripted decoder.
inline constexpr int64_t kScriptedKvBytesPerToken = 40;

// A backend of plain host memory, without kernels.
Backend MakeScriptedBackend();

}  // namespace foregate

#endif  // FOREGATE_TESTS_FAKES_SCRIPTED_DECODER_H_
