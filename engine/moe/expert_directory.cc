#include "engine/moe/expert_directory.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr size_t kAlignment = kExpertAlignment;
size_t Align(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

size_t ExpertLayout::projection_bytes(Projection projection) const {
  return PackedBytes(format(projection), rows(projection), columns(projection));
}

size_t ExpertLayout::offset(Projection projection) const {
  size_t offset = 0;
  for (const Projection earlier : kProjections) {
    if (earlier == projection) break;
    offset += Align(projection_bytes(earlier));
  }
  return offset;
}

size_t ExpertLayout::block_bytes() const {
  return offset(Projection::kDown) + Align(projection_bytes(Projection::kDown));
}

WeightMatrix ExpertLayout::Matrix(void* block, Projection projection) const {
  return {.data = static_cast<std::byte*>(block) + offset(projection),
          .format = format(projection),
          .num_outputs = rows(projection),
          .num_inputs = columns(projection)};
}

ExpertWeights ExpertLayout::Weights(void* block, int32_t expert) const {
  return {.expert = expert,
          .gate = Matrix(block, Projection::kGate),
          .up = Matrix(block, Projection::kUp),
          .down = Matrix(block, Projection::kDown)};
}

ExpertDirectory::ExpertDirectory(std::vector<int32_t> layers, int32_t num_experts, std::vector<ExpertLayout> layouts)
    : layers_(std::move(layers)), num_experts_(num_experts), layouts_(std::move(layouts)) {
  FOREGATE_CHECK_EQ(layouts_.size(), layers_.size() * static_cast<size_t>(num_experts));
  FOREGATE_CHECK(!layers_.empty() && std::is_sorted(layers_.begin(), layers_.end()));
  layer_numbers_.assign(static_cast<size_t>(layers_.back()) + 1, -1);
  for (size_t i = 0; i < layers_.size(); ++i) layer_numbers_[static_cast<size_t>(layers_[i])] = static_cast<int32_t>(i);
  for (const ExpertLayout& layout : layouts_) max_block_bytes_ = std::max(max_block_bytes_, layout.block_bytes());
}

std::vector<uint64_t> ExpertDirectory::LayerBlockBytes() const {
  std::vector<uint64_t> bytes;
  for (size_t first = 0; first < layouts_.size(); first += static_cast<size_t>(num_experts_))
    bytes.push_back(layouts_[first].block_bytes());
  return bytes;
}

int32_t ExpertDirectory::layer_index(ExpertKey key) const {
  FOREGATE_CHECK(key.layer >= 0 && static_cast<size_t>(key.layer) < layer_numbers_.size());
  const int32_t number = layer_numbers_[static_cast<size_t>(key.layer)];
  FOREGATE_CHECK(number >= 0);
  return number;
}

size_t ExpertDirectory::index(ExpertKey key) const {
  FOREGATE_CHECK(key.expert >= 0 && key.expert < num_experts_);
  return static_cast<size_t>(layer_index(key)) * static_cast<size_t>(num_experts_) + static_cast<size_t>(key.expert);
}

ExpertKey ExpertDirectory::key(size_t index) const {
  FOREGATE_CHECK_LT(index, layouts_.size());
  const auto num_experts = static_cast<size_t>(num_experts_);
  return {layers_[index / num_experts], static_cast<int32_t>(index % num_experts)};
}

}  // namespace foregate
