// Expert ids that a device copied to the host, as a span.
#ifndef FOREGATE_ENGINE_MOE_HOST_IDS_H_
#define FOREGATE_ENGINE_MOE_HOST_IDS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/api/tensor_view.h"

namespace foregate {

// Of an i32 tensor in host memory, row by row.
inline std::span<const int32_t> IdsOf(const TensorView& host_ids) {
  return {host_ids.as<int32_t>(), static_cast<size_t>(host_ids.num_elements())};
}

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_HOST_IDS_H_
