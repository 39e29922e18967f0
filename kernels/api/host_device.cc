#include "kernels/api/host_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace foregate {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;

// A mapping, and the part of it that is used.
class HostBuffer final : public DeviceBuffer {
 public:
  HostBuffer(void* mapping, size_t mapping_bytes, void* data, size_t num_bytes)
      : mapping_(mapping), mapping_bytes_(mapping_bytes), data_(data), num_bytes_(num_bytes) {}
  ~HostBuffer() override { munmap(mapping_, mapping_bytes_); }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  void* data() override { return data_; }
  size_t num_bytes() const override { return num_bytes_; }

 private:
  void* mapping_;
  size_t mapping_bytes_;
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
  // Room to begin at a huge page: older kernels place large mappings anywhere, and what lies before the first
  // boundary would stay in small pages. What is not touched costs address space only.
  const bool is_large = num_bytes >= kHugePageBytes;
  const size_t mapping_bytes = std::max<size_t>(num_bytes, 1) + (is_large ? kHugePageBytes : 0);
  void* mapping = MAP_FAILED;
  int error = ENOMEM;
  // Above PTRDIFF_MAX no mapping exists, and rounding up to pages would wrap.
  if (num_bytes <= static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max()) - kHugePageBytes) {
    mapping = mmap(nullptr, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    error = errno;
  }
  if (mapping == MAP_FAILED) {
    return absl::ResourceExhaustedError("cannot allocate " + std::to_string(num_bytes) +
                                        " bytes of host memory: " + std::strerror(error));
  }
  auto* data = static_cast<std::byte*>(mapping);
  if (is_large) {
    data += (kHugePageBytes - reinterpret_cast<uintptr_t>(data) % kHugePageBytes) % kHugePageBytes;
    // Advice only: without huge pages everything is right, merely slower.
    madvise(data, num_bytes, MADV_HUGEPAGE);
  }
  return std::make_unique<HostBuffer>(mapping, mapping_bytes, data, num_bytes);
}

void ReturnHostPages(void* data, size_t num_bytes) {
  // Refused where memory is locked: then nothing is lost but the memory.
  madvise(data, num_bytes, MADV_DONTNEED);
}

void CheckCopy(const TensorView& source, const TensorView& destination) {
  FOREGATE_CHECK(source.dtype() == destination.dtype());
  FOREGATE_CHECK_EQ(source.num_elements(), destination.num_elements());
}

bool SharesHostMemory(const Device& device) { return dynamic_cast<const HostDevice*>(&device) != nullptr; }

std::unique_ptr<Device> MakeHostDevice(DeviceInfo info) { return std::make_unique<HostDevice>(std::move(info)); }

}  // namespace foregate
