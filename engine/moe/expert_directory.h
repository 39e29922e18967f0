// ExpertDirectory: which experts a model has and how the matrices of each lie in one block of bytes.
//
// An expert's block is gate [F, H], up [F, H], down [H, F], each packed (kernels/api/weight_matrix.h) and at a multiple
// of 4 KiB, so that one copy moves an expert, and direct I/O reads each projection alone, straight into its place.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_DIRECTORY_H_
#define FOREGATE_ENGINE_MOE_EXPERT_DIRECTORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/moe/expert_key.h"
#include "kernels/api/kernels.h"

namespace foregate {

enum class Projection : uint8_t { kGate, kUp, kDown };
inline constexpr std::array kProjections = {Projection::kGate, Projection::kUp, Projection::kDown};

// What direct I/O asks of addresses, offsets and lengths on every usual disk.
inline constexpr size_t kExpertAlignment = 4096;

struct ExpertLayout {
  int64_t hidden = 0;  // H
  int64_t width = 0;   // F
  std::array<WeightFormat, 3> formats = {};

  int64_t rows(Projection projection) const { return projection == Projection::kDown ? hidden : width; }
  int64_t columns(Projection projection) const { return projection == Projection::kDown ? width : hidden; }
  WeightFormat format(Projection projection) const { return formats[static_cast<size_t>(projection)]; }
  size_t projection_bytes(Projection projection) const;
  size_t offset(Projection projection) const;
  // The whole block, a multiple of kExpertAlignment.
  size_t block_bytes() const;
  // The matrix inside the block at `block`; address arithmetic only.
  WeightMatrix Matrix(void* block, Projection projection) const;
  ExpertWeights Weights(void* block, int32_t expert) const;
};

class ExpertDirectory {
 public:
  // `layers`: the model layers that route, ascending; `layouts`: [layers, num_experts].
  ExpertDirectory(std::vector<int32_t> layers, int32_t num_experts, std::vector<ExpertLayout> layouts);

  const std::vector<int32_t>& layers() const { return layers_; }
  int32_t num_experts() const { return num_experts_; }
  // Over all layers.
  size_t size() const { return layouts_.size(); }
  size_t index(ExpertKey key) const;
  ExpertKey key(size_t index) const;
  // Of the key's layer among layers().
  int32_t layer_index(ExpertKey key) const;
  const ExpertLayout& layout(size_t index) const { return layouts_[index]; }
  // Of one expert of each of layers().
  std::vector<uint64_t> LayerBlockBytes() const;
  size_t max_block_bytes() const { return max_block_bytes_; }

 private:
  std::vector<int32_t> layers_;
  int32_t num_experts_;
  std::vector<ExpertLayout> layouts_;
  std::vector<int32_t> layer_numbers_;  // model layer -> index in layers_, or -1
  size_t max_block_bytes_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_DIRECTORY_H_
