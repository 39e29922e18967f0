#include "engine/moe/route_recorder.h"

#include <algorithm>
#include <utility>

#include "engine/moe/trace/csv_field.h"
#include "engine/moe/trace/route_trace_writer.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr size_t kPartBytes = 256 << 10;

// Grows without moving what it holds: copying half of a large trace would be felt as a slow step.
class PartedBytes {
 public:
  void Append(std::string_view bytes) {
    if (parts_.empty() || parts_.back().size() + bytes.size() > parts_.back().capacity()) {
      parts_.emplace_back();
      parts_.back().reserve(std::max(kPartBytes, bytes.size()));
    }
    parts_.back() += bytes;
    num_bytes_ += bytes.size();
  }
  size_t num_bytes() const { return num_bytes_; }
  std::vector<std::string> Take() { return std::move(parts_); }

 private:
  std::vector<std::string> parts_;
  size_t num_bytes_ = 0;
};

class CsvRecorder : public RouteRecorder {
 public:
  CsvRecorder(const std::vector<int32_t>& moe_layers, int32_t top_k, size_t max_bytes)
      : moe_layers_(moe_layers), top_k_(static_cast<size_t>(top_k)), max_bytes_(max_bytes) {
    line_ = "step,layer,position";
    for (int32_t slot = 0; slot < top_k; ++slot) line_ += ",expert_" + std::to_string(slot);
    line_ += '\n';
    bytes_.Append(line_);
    is_full_ = bytes_.num_bytes() > max_bytes_;
  }

  bool Add(const RoutedRows& routed) override {
    for (size_t row = 0; row < routed.rows.size() && !is_full_; ++row) {
      line_.clear();
      AppendCsvField(routed.step, &line_);
      AppendCsvField(moe_layers_[routed.moe_layer_index], &line_);
      AppendCsvField(routed.rows[row].position, &line_);
      for (const int32_t expert : routed.experts.subspan(row * top_k_, top_k_)) AppendCsvField(expert, &line_);
      line_.back() = '\n';
      is_full_ = bytes_.num_bytes() + line_.size() > max_bytes_;
      if (!is_full_) bytes_.Append(line_);
    }
    return !is_full_;
  }
  RecordedRoutes Finish() override {
    return {.form = RouteTraceForm::kCsv, .parts = bytes_.Take(), .truncated = is_full_};
  }

 private:
  const std::vector<int32_t> moe_layers_;
  const size_t top_k_;
  const size_t max_bytes_;
  std::string line_;
  PartedBytes bytes_;
  bool is_full_ = false;
};

class CompactRecorder : public RouteRecorder {
 public:
  static absl::StatusOr<std::unique_ptr<RouteRecorder>> Create(const TraceHeader& header, size_t max_bytes) {
    auto bytes = std::make_unique<PartedBytes>();
    FOREGATE_ASSIGN_OR_RETURN(TraceWriter writer, TraceWriter::Create(header, [sink = bytes.get()](auto more) {
                                sink->Append(more);
                                return absl::OkStatus();
                              }));
    if (bytes->num_bytes() + kTraceChunkFrameBytes > max_bytes)
      return absl::InvalidArgumentError("a trace of at most " + std::to_string(max_bytes) +
                                        " bytes has no room for its header of " + std::to_string(bytes->num_bytes()) +
                                        " bytes and its end");
    return std::unique_ptr<RouteRecorder>(new CompactRecorder(std::move(bytes), std::move(writer), max_bytes));
  }

  bool Add(const RoutedRows& routed) override {
    if (is_full_ || !HasBegun(routed)) return !is_full_;
    visit_.step = routed.step;
    visit_.layer_index = static_cast<int32_t>(routed.moe_layer_index);
    visit_.rows.assign(routed.rows.begin(), routed.rows.end());
    visit_.experts.assign(routed.experts.begin(), routed.experts.end());
    visit_.weights.assign(routed.weights.begin(), routed.weights.end());
    visit_.weights.resize(visit_.experts.size());
    const size_t held = bytes_->num_bytes() + writer_.chunk_bytes() + 2 * kTraceChunkFrameBytes;
    is_full_ = held + TraceVisitBytes(visit_) > max_bytes_ || !writer_.Write(visit_).ok();
    return !is_full_;
  }
  RecordedRoutes Finish() override {
    FOREGATE_CHECK(writer_.Finish().ok());
    return {.form = RouteTraceForm::kCompact, .parts = bytes_->Take(), .truncated = is_full_};
  }

 private:
  CompactRecorder(std::unique_ptr<PartedBytes> bytes, TraceWriter writer, size_t max_bytes)
      : bytes_(std::move(bytes)), writer_(std::move(writer)), max_bytes_(max_bytes) {}

  // A step of which the first layers are missing would be a step that no model makes.
  bool HasBegun(const RoutedRows& routed) {
    if (has_begun_) return true;
    if (!has_seen_) skipped_step_ = routed.step;
    has_begun_ = (!has_seen_ && routed.moe_layer_index == 0) || routed.step != skipped_step_;
    has_seen_ = true;
    return has_begun_;
  }

  const std::unique_ptr<PartedBytes> bytes_;
  TraceWriter writer_;
  const size_t max_bytes_;
  TraceVisit visit_;  // kept for its capacity
  bool has_seen_ = false;
  bool has_begun_ = false;
  uint64_t skipped_step_ = 0;
  bool is_full_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RouteRecorder>> MakeRouteRecorder(const std::vector<int32_t>& moe_layers,
                                                                 int32_t num_experts, int32_t top_k,
                                                                 const RouteRecording& recording) {
  if (recording.form == RouteTraceForm::kCsv)
    return std::make_unique<CsvRecorder>(moe_layers, top_k, recording.max_bytes);
  FOREGATE_CHECK(recording.expert_bytes.empty() || recording.expert_bytes.size() == moe_layers.size());
  TraceHeader header{.source = recording.source.substr(0, kMaxTraceSourceBytes),
                     .layers = {},
                     .num_experts = num_experts,
                     .top_k = top_k,
                     .has_weights = true};
  for (size_t i = 0; i < moe_layers.size(); ++i)
    header.layers.push_back({moe_layers[i], recording.expert_bytes.empty() ? 1 : recording.expert_bytes[i]});
  return CompactRecorder::Create(header, recording.max_bytes);
}

}  // namespace foregate
