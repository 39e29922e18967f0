#include "kernels/weights/pack.h"

#include <cmath>
#include <cstring>

#include "kernels/base/check.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

std::byte* Panel(const WeightMatrix& matrix, int64_t output) {
  const size_t stride = LayoutOfPanel(matrix.format, matrix.num_inputs).stride_bytes;
  return static_cast<std::byte*>(matrix.data) + static_cast<size_t>(output / kPanelOutputs) * stride;
}

// Index among the panel's values of (output, input); of float formats only.
size_t FloatIndex(WeightFormat format, int64_t output, int64_t input) {
  const int64_t lane = output % kPanelOutputs;
  const int64_t unit = format == WeightFormat::kBf16 ? 2 : 1;
  return static_cast<size_t>((input / unit * kPanelOutputs + lane) * unit + input % unit);
}

}  // namespace

void PackRows(const TensorView& rows, int64_t first_output, const WeightMatrix& matrix) {
  FOREGATE_CHECK(!IsQuantized(matrix.format));
  FOREGATE_CHECK(static_cast<int>(matrix.format) == static_cast<int>(rows.dtype()));
  const size_t bytes = ElementBytes(rows.dtype());
  for (int64_t n = 0; n < rows.dim(0); ++n) {
    std::byte* panel = Panel(matrix, first_output + n);
    for (int64_t k = 0; k < matrix.num_inputs; ++k) {
      std::memcpy(panel + FloatIndex(matrix.format, first_output + n, k) * bytes,
                  static_cast<const std::byte*>(rows.data()) + static_cast<size_t>(n * matrix.num_inputs + k) * bytes,
                  bytes);
    }
  }
}

float UnpackElement(const WeightMatrix& matrix, int64_t output, int64_t input) {
  const std::byte* panel = Panel(matrix, output);
  const size_t index = FloatIndex(matrix.format, output, input);
  if (matrix.format == WeightFormat::kF32) return reinterpret_cast<const float*>(panel)[index];
  const uint16_t bits = reinterpret_cast<const uint16_t*>(panel)[index];
  return matrix.format == WeightFormat::kBf16 ? Bf16ToF32(bits) : F16ToF32(bits);
}

int32_t UnpackInteger(const WeightMatrix& /*matrix*/, int64_t /*output*/, int64_t /*input*/) { return 0; }
float UnpackScale(const WeightMatrix& /*matrix*/, int64_t /*output*/, int64_t /*input*/) { return 1; }
void QuantizeActivations(const float*, int64_t, int64_t, int8_t*, float*, int32_t*);
void QuantizeActivations(const float*, int64_t, int64_t, int8_t*, float*, int32_t*) {}

}  // namespace foregate
