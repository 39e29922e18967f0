// GuessCalibration: how often what a source guessed was needed, counted online, so that its guesses carry honest
// probabilities.
//
// A grade is what the source itself knows of a guess: the rank that the next layer's router gives an expert on the
// current state, or an interval of an estimate. Counts are kept per layer and grade, and per grade over all layers:
// a layer that has seen little is believed to be like the others, and all of them what the source says of itself.
//
// 8 bytes per layer and grade, and for one layer more. Counters are halved when they are full, so old guesses fade.
// Nothing allocates after the constructor. Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_GUESS_CALIBRATION_H_
#define FOREGATE_ENGINE_MOE_GUESS_CALIBRATION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foregate {

class GuessCalibration {
 public:
  struct Cell {
    uint32_t num_guessed = 0;
    uint32_t num_needed = 0;  // at most num_guessed
    friend bool operator==(const Cell&, const Cell&) = default;
  };
  // Of a cell over all layers, and of one layer's; then both counts are halved.
  static constexpr uint32_t kMaxGuessed = 1 << 11;
  static constexpr uint32_t kMaxGuessedInLayer = 1 << 8;

  // `believed`[grade], in [0, 1]: of a grade of which nothing was seen.
  GuessCalibration(int32_t num_layers, std::vector<float> believed);

  void Record(int32_t layer_index, int32_t grade, bool was_needed);
  float probability(int32_t layer_index, int32_t grade) const;

  int32_t num_grades() const { return static_cast<int32_t>(believed_.size()); }
  // [layers + 1, grades], the last row over all layers: what is kept in a file.
  std::span<const Cell> cells() const { return cells_; }
  // False, and nothing changes, unless there are as many and each is possible.
  bool Restore(std::span<const Cell> cells);

 private:
  size_t index(int32_t layer_index, int32_t grade) const;

  int32_t num_layers_;
  std::vector<float> believed_;
  std::vector<Cell> cells_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_GUESS_CALIBRATION_H_
