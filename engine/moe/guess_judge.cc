#include "engine/moe/guess_judge.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr float kGradesPerDoubling = 2;
constexpr int32_t kMiddle = GuessJudge::kNumGrades / 2;

int32_t GradeOf(float probability) {
  const float odds = probability / std::max(1 - probability, 1e-6f);
  const float grade = std::round(kGradesPerDoubling * std::log2(std::max(odds, 1e-6f))) + static_cast<float>(kMiddle);
  return static_cast<int32_t>(std::clamp(grade, 0.0f, static_cast<float>(GuessJudge::kNumGrades - 1)));
}

std::vector<float> Believed() {
  std::vector<float> believed;
  for (int32_t grade = 0; grade < GuessJudge::kNumGrades; ++grade) {
    const float odds = std::exp2(static_cast<float>(grade - kMiddle) / kGradesPerDoubling);
    believed.push_back(odds / (1 + odds));
  }
  return believed;
}

}  // namespace

GuessJudge::GuessJudge(int32_t num_layers, int32_t num_experts, int32_t lead)
    : calibration_(num_layers, Believed()),
      pending_(static_cast<size_t>(lead)),
      is_wanted_(static_cast<size_t>(num_experts)) {
  FOREGATE_CHECK(lead > 0 && num_experts > 0);
  for (Pending& pending : pending_) pending.grades.resize(static_cast<size_t>(num_experts));
}

void GuessJudge::Grade(int32_t layer_index, std::span<ExpertGuess> guesses) {
  Pending& pending = pending_[static_cast<size_t>(layer_index) % pending_.size()];
  pending.layer_index = layer_index;
  std::fill(pending.grades.begin(), pending.grades.end(), int8_t{-1});
  for (ExpertGuess& guess : guesses) {
    FOREGATE_CHECK(guess.expert >= 0 && static_cast<size_t>(guess.expert) < pending.grades.size());
    const int32_t grade = GradeOf(guess.probability);
    pending.grades[static_cast<size_t>(guess.expert)] = static_cast<int8_t>(grade);
    guess.probability = calibration_.probability(layer_index, grade);
  }
}

void GuessJudge::Judge(int32_t layer_index, std::span<const int32_t> experts) {
  Pending& pending = pending_[static_cast<size_t>(layer_index) % pending_.size()];
  if (pending.layer_index != layer_index) return;
  pending.layer_index = -1;
  std::fill(is_wanted_.begin(), is_wanted_.end(), uint8_t{0});
  for (const int32_t expert : experts) {
    FOREGATE_CHECK(expert >= 0 && static_cast<size_t>(expert) < is_wanted_.size());
    is_wanted_[static_cast<size_t>(expert)] = 1;
  }
  for (size_t e = 0; e < is_wanted_.size(); ++e)
    if (pending.grades[e] >= 0) calibration_.Record(layer_index, pending.grades[e], is_wanted_[e] != 0);
}

}  // namespace foregate
