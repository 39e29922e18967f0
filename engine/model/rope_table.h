// RopeTable: cosines and sines of the rotary position embedding.
#ifndef FOREGATE_ENGINE_MODEL_ROPE_TABLE_H_
#define FOREGATE_ENGINE_MODEL_ROPE_TABLE_H_

#include <cstdint>
#include <vector>

namespace foregate {

struct RopeTable {
  std::vector<float> cos;  // [num_positions, dim / 2]
  std::vector<float> sin;  // [num_positions, dim / 2]
};

// angle(p, i) = p / theta^(2i / dim), with the roundings of the reference implementation (transformers): frequency and
// angle are f32; the cosine of that angle is then rounded once from double.
RopeTable MakeRopeTable(int32_t num_positions, int32_t dim, double theta);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_ROPE_TABLE_H_
