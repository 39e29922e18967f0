#include "engine/schedule/prefill_pace.h"

#include <algorithm>
#include <optional>

namespace foregate {
namespace {

// A burst. Fewer at a time are held back even beside as many streams, or one long prompt would stall a lone stream.
constexpr int32_t kBurst = 4;

// Steps between two that only measure, which are the short ones: a prompt notices neither.
constexpr int32_t kStepsBetweenFirstMeasurements = 4;
constexpr int32_t kStepsBetweenMeasurements = 64;

constexpr double kExtrapolation = 4;

bool MustMeasureDecode(const StepCost& cost, int32_t decoding) {
  if (!cost.DecodeSeconds(decoding)) return true;
  const int32_t patience = cost.KnowsDecode(decoding) ? kStepsBetweenMeasurements : kStepsBetweenFirstMeasurements;
  return cost.mixed_steps_in_a_row() >= patience;
}

// Prompt rows that take `seconds`; `prior` is what one is assumed to take before any was measured.
double RowsWithin(const StepCost& cost, double seconds, double prior) {
  // Nothing is concluded for steps of a quite different size. Larger ones may have rows that hide in noise: they are
  // approached in stages. Smaller ones have dearer rows: the first gets half.
  const double known = cost.most_prompt_rows();
  const double limit = known > 0 ? known * kExtrapolation : kUnlimitedPrefillRows;
  double rows = kMinPrefillRows;
  // The first round finds the size of step whose prompt rows to look at.
  for (int round = 0; round < 2; ++round) {
    const double row_seconds = cost.PromptRowSeconds(std::max<double>(kMinPrefillRows, rows)).value_or(prior);
    rows = row_seconds > 0 ? std::min(limit, seconds / row_seconds) : seconds > 0 ? limit : 0;
  }
  return known > 0 && cost.fewest_prompt_rows() <= std::max<double>(kMinPrefillRows, rows) * kExtrapolation ? rows
                                                                                                            : rows / 2;
}

}  // namespace

int32_t PacedPrefillRows(const StepCost& cost, double max_stretch, int32_t decoding, int32_t prefilling) {
  if (!(max_stretch > 1) || decoding <= 0 || prefilling <= 0 || prefilling >= std::max(decoding, kBurst))
    return kUnlimitedPrefillRows;
  if (MustMeasureDecode(cost, decoding)) return 0;
  const double decode_seconds = cost.DecodeSeconds(decoding).value_or(0);
  const double extra = decode_seconds * (max_stretch - 1) * prefilling;
  const double rows =
      std::max(RowsWithin(cost, extra, decode_seconds / decoding), static_cast<double>(kMinPrefillRows) * prefilling);
  return rows < kUnlimitedPrefillRows ? static_cast<int32_t>(rows) : kUnlimitedPrefillRows;
}

}  // namespace foregate
