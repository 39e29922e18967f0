#include "engine/moe/expert_guess.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace foregate {

void GuessUnion::Clear() { std::fill(none_.begin(), none_.end(), 1.0f); }

void GuessUnion::Add(int32_t expert, float probability) {
  FOREGATE_CHECK(expert >= 0 && static_cast<size_t>(expert) < none_.size());
  none_[static_cast<size_t>(expert)] *= 1 - std::clamp(probability, 0.0f, 1.0f);
}

void GuessUnion::Collect(std::vector<ExpertGuess>* guesses) const {
  guesses->clear();
  for (size_t i = 0; i < none_.size(); ++i)
    if (none_[i] < 1) guesses->push_back({.expert = static_cast<int32_t>(i), .probability = 1 - none_[i]});
}

size_t SelectGuesses(std::span<ExpertGuess> guesses, uint64_t expert_bytes, const SpeculationBudget& budget) {
  FOREGATE_CHECK(expert_bytes > 0);
  std::sort(guesses.begin(), guesses.end(), [](const ExpertGuess& a, const ExpertGuess& b) {
    return a.probability > b.probability || (a.probability == b.probability && a.expert < b.expert);
  });
  const uint64_t most = budget.bytes_per_layer / expert_bytes;
  size_t count = 0;
  while (count < guesses.size() && count < most && guesses[count].probability >= budget.min_probability) ++count;
  return count;
}

}  // namespace foregate
