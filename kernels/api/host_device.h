// HostDevice: the Device of every backend that computes in the host's own memory. Operations and copies run at enqueue,
// so its events are always ready and never fail.
#ifndef FOREGATE_KERNELS_API_HOST_DEVICE_H_
#define FOREGATE_KERNELS_API_HOST_DEVICE_H_

#include <memory>

#include "kernels/api/device.h"

namespace foregate {

// Anonymous memory, zeroed by the kernel and aligned to a page; 2 MiB and more are aligned to 2 MiB and ask for huge
// pages. RESOURCE_EXHAUSTED naming the bytes.
absl::StatusOr<std::unique_ptr<DeviceBuffer>> AllocateHostMemory(size_t num_bytes);

// Gives pages of such memory back to the system: they read as zeros, and take memory again when they are written. Both
// multiples of a page. What the kernel has pinned, as for registered I/O, comes back only when it is let go.
void ReturnHostPages(void* data, size_t num_bytes);

// CHECKs what CopyAsync demands of its two views.
void CheckCopy(const TensorView& source, const TensorView& destination);

// Whether the device's kDevice memory is the host's own: what the host writes there before it enqueues work is seen by
// that work. True of what MakeHostDevice makes.
bool SharesHostMemory(const Device& device);

// Thread-safe throughout.
std::unique_ptr<Device> MakeHostDevice(DeviceInfo info);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_HOST_DEVICE_H_
