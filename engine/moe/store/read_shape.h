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
  // Of a disk that was not measured: within a twentieth of the best on those that were.
  uint32_t piece_bytes = 1u << 20;
  int depth = 16;

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

// Of the shapes that come within a twentieth of the fastest, the one with the fewest bytes under way: reads that are
// under way together end together, so that the first expert of several comes later the more of them there are. On a
// disk of 3.7 GB/s with any shape, 8 reads of 1 MiB gave a lone stream 5 to 11 % more tokens than 32 where pre-gates
// choose early and 2 to 5 % where they do not, and eight streams the same. Another one gave 0.68, 0.73 and 0.77 GB/s to
// 8 reads of 512 KiB, 16 and 32 of 1 MiB: there, 32. Pure; `measured` is not empty.
ReadShape ChooseReadShape(std::span<const MeasuredShape> measured);

// Reads all over bytes [begin, end) of the file in turn with several shapes, 0.45 s in all. The default shape for less
// than 64 MiB, which is read before it is measured, and for what is in the page cache.
ReadShape ProbeReadShape(const BulkFile& file, uint64_t begin, uint64_t end);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_READ_SHAPE_H_
