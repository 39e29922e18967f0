#include "engine/moe/guess_calibration.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr float kTrustInSource = 16;  // guesses as if counted, with the outcome that the source states
constexpr float kTrustInOthers = 16;  // the same of a layer, with the outcome of all layers

void Count(GuessCalibration::Cell* cell, uint32_t max_guessed, bool was_needed) {
  if (cell->num_guessed >= max_guessed) {
    cell->num_guessed /= 2;
    cell->num_needed /= 2;
  }
  ++cell->num_guessed;
  cell->num_needed += was_needed ? 1 : 0;
}

float Blend(const GuessCalibration::Cell& cell, float believed, float trust) {
  return (static_cast<float>(cell.num_needed) + trust * believed) / (static_cast<float>(cell.num_guessed) + trust);
}

}  // namespace

GuessCalibration::GuessCalibration(int32_t num_layers, std::vector<float> believed)
    : num_layers_(num_layers),
      believed_(std::move(believed)),
      cells_((static_cast<size_t>(num_layers) + 1) * believed_.size()) {
  FOREGATE_CHECK(num_layers > 0 && !believed_.empty());
}

size_t GuessCalibration::index(int32_t layer_index, int32_t grade) const {
  FOREGATE_CHECK(layer_index >= 0 && layer_index <= num_layers_);
  FOREGATE_CHECK(grade >= 0 && grade < num_grades());
  return static_cast<size_t>(layer_index) * believed_.size() + static_cast<size_t>(grade);
}

void GuessCalibration::Record(int32_t layer_index, int32_t grade, bool was_needed) {
  FOREGATE_CHECK(layer_index < num_layers_);
  Count(&cells_[index(layer_index, grade)], kMaxGuessedInLayer, was_needed);
  Count(&cells_[index(num_layers_, grade)], kMaxGuessed, was_needed);
}

float GuessCalibration::probability(int32_t layer_index, int32_t grade) const {
  const float of_all = Blend(cells_[index(num_layers_, grade)], believed_[static_cast<size_t>(grade)], kTrustInSource);
  return Blend(cells_[index(layer_index, grade)], of_all, kTrustInOthers);
}

bool GuessCalibration::Restore(std::span<const Cell> cells) {
  if (cells.size() != cells_.size()) return false;
  for (const Cell& cell : cells)
    if (cell.num_guessed > kMaxGuessed || cell.num_needed > cell.num_guessed) return false;
  std::copy(cells.begin(), cells.end(), cells_.begin());
  return true;
}

}  // namespace foregate
