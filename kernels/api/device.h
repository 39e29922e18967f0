// Device, Stream, Event, DeviceBuffer: memory and order. Work is enqueued on a Stream and awaited through an Event.
//
// A CPU device executes at enqueue and its events are ready at once; an accelerator runs behind the host. Callers may
// assume neither. Thread-safety: one thread (the engine's) uses a device and its streams, unless a method says
// otherwise.
#ifndef FOREGATE_KERNELS_API_DEVICE_H_
#define FOREGATE_KERNELS_API_DEVICE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/api/tensor_view.h"

namespace foregate {

enum class MemorySpace : uint8_t {
  kDevice,  // where kernels' operands live; the host must not touch it
  kHost,    // host memory that CopyAsync reaches (pinned, where the device cares); the host may touch it
};

// Owns one allocation; frees it when destroyed. Aligned to 64 bytes or more.
class DeviceBuffer {
 public:
  virtual ~DeviceBuffer() = default;
  virtual void* data() = 0;
  virtual size_t num_bytes() const = 0;
};

// An order of execution: operations enqueued on one stream run in that order.
class Stream {
 public:
  virtual ~Stream() = default;
};

// A point in a stream.
class Event {
 public:
  virtual ~Event() = default;
  virtual bool Ready() const = 0;
  // Returns when everything before the event has run; DEADLINE_EXCEEDED when `deadline` passes first, or the error of
  // the work before it.
  virtual absl::Status Wait(std::chrono::steady_clock::time_point deadline) = 0;
};

struct DeviceInfo {
  std::string kind;              // "ref", "cpu", "cuda"
  std::string isa;               // the path chosen at start: "scalar", "portable", "avx2", "avx512"
  std::string numeric_contract;  // names the written arithmetic; equal names mean bit-equal results (docs/adr/0005)
  int num_threads = 1;           // compute threads
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  // Thread-safe. RESOURCE_EXHAUSTED naming the bytes when the memory is not to be had. Contents are zero.
  virtual absl::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(size_t num_bytes, MemorySpace space) = 0;
  virtual std::unique_ptr<Stream> NewStream() = 0;
  // Enqueues a copy between views of equal dtype and element count, in any direction between the two spaces. Both
  // memories must stay alive, and the source unchanged, until an event behind the copy is ready.
  virtual absl::Status CopyAsync(const TensorView& source, const TensorView& destination, Stream& stream) = 0;
  virtual std::unique_ptr<Event> Record(Stream& stream) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_DEVICE_H_
