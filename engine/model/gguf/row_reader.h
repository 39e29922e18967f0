// Reads slices of GGUF tensors: from disk, out of their blocks, and back into our order of rows.
#ifndef FOREGATE_ENGINE_MODEL_GGUF_ROW_READER_H_
#define FOREGATE_ENGINE_MODEL_GGUF_ROW_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "engine/formats/gguf/tensor_type.h"
#include "engine/formats/read_only_file.h"
#include "kernels/base/dtype.h"

namespace foregate {

// Where a tensor's rows lie in a file.
struct GgufPlacement {
  GgufTensorType type = GgufTensorType::kF32;
  uint64_t offset = 0;            // of the first row, in bytes from the start of the file
  int64_t num_rows = 0;           // a vector is one row, unless its heads are interleaved: then one row per element
  int64_t row_elements = 0;       // a whole number of blocks
  int32_t interleaved_heads = 0;  // as in GgufSlice

  size_t row_bytes() const;
};

// How the elements are delivered: as stored for F32, F16 and BF16, else as f32.
DType DeliveredType(GgufTensorType type);

// The tensor's delivered bytes [offset, offset + destination.size()), both multiples of the delivered element's size.
// Errors of the file. Thread-safe; needs at most 1 MiB and a row.
absl::Status ReadGgufElements(const ReadOnlyFile& file, const GgufPlacement& placement, uint64_t offset,
                              std::span<std::byte> destination);

// The stored bytes of rows [first_row, ...) as many as `destination`, a multiple of row_bytes(), has room for.
absl::Status ReadGgufRows(const ReadOnlyFile& file, const GgufPlacement& placement, int64_t first_row,
                          std::span<std::byte> destination);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_GGUF_ROW_READER_H_
