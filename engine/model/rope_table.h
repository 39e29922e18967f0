// Cosines and sines of the rotary position embedding.
#ifndef FOREGATE_ENGINE_MODEL_ROPE_TABLE_H_
#define FOREGATE_ENGINE_MODEL_ROPE_TABLE_H_

#include <cstdint>
#include <span>

namespace foregate {

// Fills `cos` and `sin`, [num_positions, dim / 2] each, with those of angle(p, i) = p / theta^(2i / dim). The roundings
// are the reference implementation's (transformers): frequency and angle are f32; the cosine of that angle is rounded
// once from double.
void FillRopeTable(int32_t num_positions, int32_t dim, double theta, std::span<float> cos, std::span<float> sin);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_ROPE_TABLE_H_
