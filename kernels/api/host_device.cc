#include "kernels/api/host_device.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace foregate {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;

class HostBuffer final : public DeviceBuffer {
 public:
  // Takes ownership of a mapping of max(num_bytes, 1) bytes.
  HostBuffer(void* data, size_t num_bytes) : data_(data), num_bytes_(num_bytes) {}
  ~HostBuffer() override { munmap(data_, num_bytes_ == 0 ? 1 : num_bytes_); }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  void* data() override { return data_; }
  size_t num_bytes() const override { return num_bytes_; }

 private:
  void* data_;
  size_t num_bytes_;
};

class HostStream final : public Stream {};

class HostEvent final : public Event {
 public:
  // A step records one event and gives it back: each thread keeps the memory of the last one, so that steps allocate
  // nothing.
  static void* operator new(size_t num_bytes) {
    void* kept = std::exchange(kept_.memory, nullptr);
    return kept != nullptr ? kept : ::operator new(num_bytes);
  }
  static void operator delete(void* memory) {
    if (kept_.memory == nullptr) {
      kept_.memory = memory;
    } else {
      ::operator delete(memory);
    }
  }

  bool Ready() const override { return true; }
  absl::Status Wait(std::chrono::steady_clock::time_point /*deadline*/) override { return absl::OkStatus(); }

 private:
  struct Kept {
    void* memory = nullptr;
    ~Kept() { ::operator delete(memory); }
  };
  static thread_local Kept kept_;
};

thread_local HostEvent::Kept HostEvent::kept_;

class HostDevice final : public Device {
 public:
  explicit HostDevice(DeviceInfo info) : info_(std::move(info)) {}

  const DeviceInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(size_t num_bytes, MemorySpace /*space*/) override {
    return AllocateHostMemory(num_bytes);
  }
  std::unique_ptr<Stream> NewStream() override { return std::make_unique<HostStream>(); }
  absl::Status CopyAsync(const TensorView& source, const TensorView& destination, Stream& /*stream*/) override {
    CheckCopy(source, destination);
    if (source.num_bytes() > 0) std::memcpy(destination.data(), source.data(), source.num_bytes());
    return absl::OkStatus();
  }
  std::unique_ptr<Event> Record(Stream& /*stream*/) override { return std::make_unique<HostEvent>(); }

 private:
  DeviceInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DeviceBuffer>> AllocateHostMemory(size_t num_bytes) {
  void* data = MAP_FAILED;
  int error = ENOMEM;
  // Above PTRDIFF_MAX no mapping exists, and rounding up to pages would wrap.
  if (num_bytes <= static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max())) {
    data = mmap(nullptr, num_bytes == 0 ? 1 : num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    error = errno;
  }
  if (data == MAP_FAILED) {
    return absl::ResourceExhaustedError("cannot allocate " + std::to_string(num_bytes) +
                                        " bytes of host memory: " + std::strerror(error));
  }
  // Advice only: without huge pages everything is right, merely slower.
  if (num_bytes >= kHugePageBytes) madvise(data, num_bytes, MADV_HUGEPAGE);
  return std::make_unique<HostBuffer>(data, num_bytes);
}

void CheckCopy(const TensorView& source, const TensorView& destination) {
  FOREGATE_CHECK(source.dtype() == destination.dtype());
  FOREGATE_CHECK_EQ(source.num_elements(), destination.num_elements());
}

std::unique_ptr<Device> MakeHostDevice(DeviceInfo info) { return std::make_unique<HostDevice>(std::move(info)); }

}  // namespace foregate
