#include "tests/goldens/expected_outputs.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <span>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr float kChain = 4;
// The longest dot product of these checkpoints: the projection of all heads, 4 * 32.
constexpr float kLongestDot = 128;

std::string RouterTensor(size_t prompt, int layer, int output) {
  return "router." + std::to_string(prompt) + ".model.layers." + std::to_string(layer) + ".mlp.gate." +
         std::to_string(output);
}

}  // namespace

float RowScale(const std::vector<float>& row) {
  float scale = 0;
  for (const float value : row) scale = std::max(scale, std::fabs(value));
  return scale;
}

float GoldenTolerance(float scale, int num_layers) {
  return kChain * static_cast<float>(num_layers) * std::sqrt(kLongestDot) * 0x1p-24f * scale;
}

ExpectedOutputs::ExpectedOutputs(const std::string& family) : directory_("tests/data/models/" + family) {
  std::ifstream file(directory_ + "/expected.json");
  FOREGATE_CHECK(file.good());
  json_ = nlohmann::json::parse(file);
  auto tensors = Checkpoint::OpenFile(directory_ + "/expected.safetensors");
  FOREGATE_CHECK_EQ(tensors.status().ToString(), "OK");
  tensors_ = *std::move(tensors);
}

LogitRows ExpectedOutputs::logits(size_t i) const { return Read<float>("logits." + std::to_string(i)); }

LogitRows ExpectedOutputs::router_scores(size_t i, int layer) const { return Read<float>(RouterTensor(i, layer, 0)); }

LogitRows ExpectedOutputs::choosing_scores(size_t i, int layer) const {
  const std::string pre_gate = "pre_gate." + std::to_string(i) + "." + std::to_string(layer);
  return tensors_->Find(pre_gate) == nullptr ? router_scores(i, layer) : Read<float>(pre_gate);
}

std::vector<std::vector<int32_t>> ExpectedOutputs::router_ids(size_t i, int layer) const {
  return Read<int32_t>(RouterTensor(i, layer, 2));
}

size_t ExpectedOutputs::num_rows_without_tie(size_t i, const std::vector<int32_t>& layers, int num_layers) const {
  size_t num_rows = prompt(i).size();
  for (const int32_t layer : layers) {
    const size_t top_k = router_ids(i, layer)[0].size();
    const LogitRows scores = choosing_scores(i, layer);
    for (size_t row = 0; row < num_rows; ++row) {
      std::vector<float> sorted = scores[row];
      std::sort(sorted.rbegin(), sorted.rend());
      if (sorted[top_k - 1] - sorted[top_k] <= GoldenTolerance(RowScale(sorted), num_layers)) num_rows = row;
    }
  }
  return num_rows;
}

template <typename T>
std::vector<std::vector<T>> ExpectedOutputs::Read(const std::string& name) const {
  const Checkpoint::Tensor* tensor = tensors_->Find(name);
  FOREGATE_CHECK(tensor != nullptr);
  std::vector<std::vector<T>> rows(static_cast<size_t>(tensor->entry.shape[0]),
                                   std::vector<T>(static_cast<size_t>(tensor->entry.shape[1])));
  uint64_t offset = 0;
  for (std::vector<T>& row : rows) {
    FOREGATE_CHECK(tensors_->Read(*tensor, offset, std::as_writable_bytes(std::span(row))).ok());
    offset += row.size() * sizeof(T);
  }
  return rows;
}

}  // namespace foregate
