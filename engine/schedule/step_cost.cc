#include "engine/schedule/step_cost.h"

#include <algorithm>
#include <limits>

namespace foregate {
namespace {

constexpr size_t kMedianOf = 9;
// Fewer, because a growing context makes prompt rows dearer while a prompt advances.
constexpr size_t kPromptMedianOf = 5;
constexpr size_t kEnough = 2;
constexpr double kNearDecode = 1.125;
constexpr double kSimilarDecode = 1.5;
constexpr double kSimilarPrompt = 4;

bool IsSimilar(double a, double b, double factor) { return a <= b * factor && b <= a * factor; }

// Collects the first samples that it is given, up to a number, and gives their median.
template <size_t kMost>
class Median {
 public:
  void Add(double value) {
    if (size_ < kMost) values_[size_++] = value;
  }
  size_t size() const { return size_; }
  // Of an even number the smaller or the larger of the two in the middle; size() > 0.
  double Lower() { return At((size_ - 1) / 2); }
  double Upper() { return At(size_ / 2); }

 private:
  double At(size_t rank) {
    std::sort(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(size_));
    return values_[rank];
  }
  std::array<double, kMost> values_ = {};
  size_t size_ = 0;
};

}  // namespace

void StepCost::Observe(int32_t decode_rows, int32_t prompt_rows, double seconds) {
  if (!(seconds > 0)) seconds = 0;
  if (prompt_rows > 0) {
    prompt_.Add({std::max(decode_rows, 0), prompt_rows, seconds});
    if (decode_rows > 0 && mixed_steps_in_a_row_ < std::numeric_limits<int32_t>::max()) ++mixed_steps_in_a_row_;
  } else if (decode_rows > 0) {
    decode_.Add({decode_rows, 0, seconds});
    mixed_steps_in_a_row_ = 0;
  }
}

std::optional<double> StepCost::DecodeSeconds(int32_t rows) const {
  for (const double factor : {kNearDecode, kSimilarDecode, std::numeric_limits<double>::infinity()}) {
    Median<kMedianOf> median;
    for (size_t age = 0; age < decode_.size() && median.size() < kMedianOf; ++age) {
      const Sample& sample = decode_.latest(age);
      if (!IsSimilar(sample.decode_rows, rows, factor)) continue;
      // Time grows with rows, but no faster than they do: neither of these is more than the truth.
      median.Add(sample.seconds * std::min(1.0, static_cast<double>(rows) / sample.decode_rows));
    }
    if (median.size() >= kEnough || (median.size() > 0 && median.size() == decode_.size())) return median.Lower();
  }
  return std::nullopt;
}

bool StepCost::KnowsDecode(int32_t rows) const {
  size_t similar = 0;
  for (size_t age = 0; age < decode_.size() && similar < kEnough; ++age)
    similar += IsSimilar(decode_.latest(age).decode_rows, rows, kSimilarDecode) ? 1 : 0;
  return similar == kEnough;
}

std::optional<double> StepCost::PromptRowSecondsOf(const Sample& sample) const {
  double added = sample.seconds;
  if (sample.decode_rows > 0) {
    const std::optional<double> decode_seconds = DecodeSeconds(sample.decode_rows);
    if (!decode_seconds) return std::nullopt;
    added = std::max(0.0, added - *decode_seconds);
  }
  return added / sample.prompt_rows;
}

std::optional<double> StepCost::PromptRowSeconds(double prompt_rows) const {
  for (const double factor : {kSimilarPrompt, std::numeric_limits<double>::infinity()}) {
    Median<kPromptMedianOf> median;
    for (size_t age = 0; age < prompt_.size() && median.size() < kPromptMedianOf; ++age) {
      const Sample& sample = prompt_.latest(age);
      if (!IsSimilar(sample.prompt_rows, prompt_rows, factor)) continue;
      if (const auto row_seconds = PromptRowSecondsOf(sample)) median.Add(*row_seconds);
    }
    if (median.size() > 0) return median.Upper();
  }
  return std::nullopt;
}

int32_t StepCost::fewest_prompt_rows() const {
  int32_t fewest = 0;
  for (size_t age = 0; age < prompt_.size(); ++age)
    fewest = age == 0 ? prompt_.latest(age).prompt_rows : std::min(fewest, prompt_.latest(age).prompt_rows);
  return fewest;
}

int32_t StepCost::most_prompt_rows() const {
  int32_t most = 0;
  for (size_t age = 0; age < prompt_.size(); ++age) most = std::max(most, prompt_.latest(age).prompt_rows);
  return most;
}

}  // namespace foregate
