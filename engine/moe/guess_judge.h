// GuessJudge: makes the estimates of one source honest for the experts that matter, those that are absent.
//
// A source may be right four times of five and yet be wrong more often than not about what could be read: its right
// guesses are mostly resident already, its wrong ones mostly are not. So estimates are graded once the resident experts
// are left out (half a doubling of the odds is a grade), and each grade is held against what the layer then wanted.
//
// Nothing allocates after the constructor. 200 bytes per layer, 1 byte per expert and layer ahead. Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_GUESS_JUDGE_H_
#define FOREGATE_ENGINE_MOE_GUESS_JUDGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/moe/expert_guess.h"
#include "engine/moe/guess_calibration.h"

namespace foregate {

class GuessJudge {
 public:
  static constexpr int32_t kNumGrades = 25;

  // `lead`: how many layers ahead guesses are made; so many are not judged yet at a time.
  GuessJudge(int32_t num_layers, int32_t num_experts, int32_t lead);

  // Guesses for the layer's next run, of distinct experts that are absent: replaces their probabilities with those
  // that such estimates had, and remembers them for Judge. Replaces what was graded for the layer before.
  void Grade(int32_t layer_index, std::span<ExpertGuess> guesses);
  // The layer routed: it wants `experts`, in any order and number. Nothing happens unless it was graded for.
  void Judge(int32_t layer_index, std::span<const int32_t> experts);

  GuessCalibration& calibration() { return calibration_; }
  const GuessCalibration& calibration() const { return calibration_; }

 private:
  struct Pending {
    int32_t layer_index = -1;
    std::vector<int8_t> grades;  // [experts]; -1: not guessed
  };

  GuessCalibration calibration_;
  std::vector<Pending> pending_;    // [lead], by layer modulo lead
  std::vector<uint8_t> is_wanted_;  // [experts], scratch
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_GUESS_JUDGE_H_
