// Random GGUF blocks for tests: any values and scales, f16 scales of moderate size.
#ifndef FOREGATE_KERNELS_WEIGHTS_RANDOM_BLOCKS_H_
#define FOREGATE_KERNELS_WEIGHTS_RANDOM_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/base/float_types.h"
#include "kernels/weights/pack.h"

namespace foregate {

inline constexpr WeightFormat kBlockFormats[] = {WeightFormat::kIq4Nl, WeightFormat::kMxfp4, WeightFormat::kQ4K,
                                                 WeightFormat::kQ5K, WeightFormat::kQ6K};

// What BlockRowBytes must divide: 32 for iq4_nl and mxfp4, 256 for the others.
inline int64_t BlockInputs(WeightFormat format) { return HasBlocks(format) ? 256 : 32; }

// `num_rows` rows for PackBlocks. Scales, and those of minima, are normal numbers of either sign.
inline std::vector<std::byte> RandomBlocks(WeightFormat format, int64_t num_rows, int64_t num_inputs, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.01f);
  std::vector<std::byte> blocks(static_cast<size_t>(num_rows) * BlockRowBytes(format, num_inputs));
  for (std::byte& byte : blocks) byte = static_cast<std::byte>(random() & 0xff);
  const size_t block_bytes = BlockRowBytes(format, BlockInputs(format));
  for (size_t at = 0; at < blocks.size(); at += block_bytes) {
    const auto put = [&](size_t offset) {
      const uint16_t scale = F32ToF16(normal(random));
      std::memcpy(&blocks[at + offset], &scale, sizeof scale);
    };
    if (format == WeightFormat::kMxfp4) {
      blocks[at] = static_cast<std::byte>(110 + random() % 20);
    } else if (format == WeightFormat::kQ6K) {
      put(208);
    } else {
      put(0);
      if (HasMinima(format)) put(2);
    }
  }
  return blocks;
}

}  // namespace foregate

#endif  // FOREGATE_KERNELS_WEIGHTS_RANDOM_BLOCKS_H_
