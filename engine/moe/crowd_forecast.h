// CrowdForecast: which experts of the next layer so many rows are nearly sure to want, whatever each of them is. A long
// prompt's piece wants almost all: known a layer ahead, they are read while this layer computes, and the disk never
// waits for the routing.
//
// An expert that a share s of recent rows chose (ExpertUsage) is wanted by one of n rows with 1 - (1 - s)^n. That holds
// while the rows are alike; another prompt may be about something else, so what was foreseen is judged, and acted upon
// only while nearly all of it comes true.
//
// Reading ahead saves no byte, it fills the time in which the disk would rest, and takes slots from what would be used
// again: no more is read ahead of a layer than the disk brings in the time in which the last such step did not wait for
// it, and nothing where that was less than half of the step. 32 streams of Qwen3's shape, a third of whose experts had
// a slot and which waited in 85 % of the time, lost 6 % when whole layers were read ahead.
// Thread-compatible; nothing allocates after the constructor.
#ifndef FOREGATE_ENGINE_MOE_CROWD_FORECAST_H_
#define FOREGATE_ENGINE_MOE_CROWD_FORECAST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/moe/expert_usage.h"

namespace foregate {

class CrowdForecast {
 public:
  explicit CrowdForecast(int32_t num_experts);

  // The experts that `num_rows` rows will want of a layer, in ascending order; to be judged when that layer has routed.
  std::span<const int32_t> Foresee(const ExpertUsage& usage, int32_t layer_index, size_t num_rows);
  // The layer has routed and wants `experts` (any order, repeated or not).
  void Judge(int32_t layer_index, std::span<const int32_t> experts);
  // What was foreseen for a layer will not be judged.
  void Forget() { layer_index_ = -1; }
  // Whether nearly all of what was foreseen lately came true.
  bool is_trusted() const;

  // A step of so many rows took `seconds`, of them `stall_seconds` waiting for experts, and read `bytes_per_layer`.
  void EndStep(size_t num_rows, double seconds, double stall_seconds, double bytes_per_layer);
  // Bytes that a layer of such a step may read ahead; without bound while no step of about as many rows is known.
  double max_bytes_ahead(size_t num_rows) const;

 private:
  const int32_t num_experts_;
  int32_t layer_index_ = -1;
  std::vector<int32_t> foreseen_;
  std::vector<uint8_t> is_wanted_;  // [experts], scratch of Judge
  // Of what was foreseen, the recent counting more. It begins trusted by a few experts.
  double num_foreseen_ = 0;
  double num_wanted_ = 0;
  // The last step.
  size_t num_rows_ = 0;
  double bytes_ahead_ = 0;  // of a layer, that the disk could bring while nobody waited
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_CROWD_FORECAST_H_
