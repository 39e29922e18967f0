// ExpertGuess: an expert that a layer may want, with the probability that it does; what of many guesses is worth
// reading. Pure functions of plain data, shared by the live prefetcher and the replay.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_GUESS_H_
#define FOREGATE_ENGINE_MOE_EXPERT_GUESS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foregate {

struct ExpertGuess {
  int32_t expert = 0;
  float probability = 0;  // that some row of the step wants it
  friend bool operator==(const ExpertGuess&, const ExpertGuess&) = default;
};

// What speculation may do for one layer of one step.
struct SpeculationBudget {
  uint64_t bytes_per_layer = 0;  // 0: none at all
  float min_probability = 1;     // of a guess that is worth a read
  bool allows_any() const { return bytes_per_layer > 0; }
};

// Guesses of several rows for one layer, joined: an expert is wanted when any row wants it, rows taken as independent.
// Nothing allocates after the constructor. Thread-compatible.
class GuessUnion {
 public:
  explicit GuessUnion(int32_t num_experts) : none_(static_cast<size_t>(num_experts), 1.0f) {}

  void Clear();
  // One row wants the expert with this probability.
  void Add(int32_t expert, float probability);
  // Ascending experts, those of probability 0 left out. `guesses` is cleared first.
  void Collect(std::vector<ExpertGuess>* guesses) const;

 private:
  std::vector<float> none_;  // [experts]: that no row wants it
};

// Sorts the guesses (likeliest first, ties to the smaller expert) and returns how many of the first the budget covers.
// The caller has left out what is resident or on its way; every expert of the layer has `expert_bytes`.
size_t SelectGuesses(std::span<ExpertGuess> guesses, uint64_t expert_bytes, const SpeculationBudget& budget);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_GUESS_H_
