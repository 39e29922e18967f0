// ReadShape: how large reads of experts are and how many are under way at once. Disks differ by more than a constant
// can serve: one gives its rate to eight reads of 512 KiB, a virtual one wants thirty.
#ifndef FOREGATE_ENGINE_MOE_STORE_READ_SHAPE_H_
#define FOREGATE_ENGINE_MOE_STORE_READ_SHAPE_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "engine/formats/bulk_file.h"

namespace foregate {

struct ReadShape {
  uint32_t piece_bytes = 512u << 10;
  int depth = 8;

  uint64_t bytes_under_way() const { return uint64_t{piece_bytes} * static_cast<uint64_t>(depth); }
  // How many of the reads may be guesses: a demand that comes then waits behind 4 MiB of them at most.
  int guessed_depth() const {
    constexpr uint32_t kMostGuessedBytes = 4u << 20;
    return std::clamp(static_cast<int>(kMostGuessedBytes / piece_bytes), 1, std::max(1, depth / 2));
  }
  friend bool operator==(const ReadShape&, const ReadShape&) = default;
};

struct MeasuredShape {
  ReadShape shape;
  double bytes_per_second = 0;  // the best of its turns
};

// Of the shapes that come within a tenth of the fastest, the one with the most bytes under way: half a second is short,
// disks are noisy, and too shallow costs more than too deep (a virtual disk gave 0.68, 0.73 and 0.77 GB/s to 8 reads of
// 512 KiB, 16 and 32 of 1 MiB). Guesses, which a demand must not wait behind, have a bound of their own. Pure;
// `measured` is not empty.
ReadShape ChooseReadShape(std::span<const MeasuredShape> measured);

// Reads all over bytes [begin, end) of the file in turn with several shapes, 0.45 s in all. The default shape for less
// than 64 MiB, which is read before it is measured, and for what is in the page cache.
ReadShape ProbeReadShape(const BulkFile& file, uint64_t begin, uint64_t end);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_READ_SHAPE_H_
