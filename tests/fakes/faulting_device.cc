#include "tests/fakes/faulting_device.h"

#include <sys/mman.h>

#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "kernels/api/host_device.h"
#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/ref/ref_kernels.h"

namespace foregate {
namespace {

// The device memory there is, and whether it can be reached. Shared by the device and its buffers.
class GuardedMemory {
 public:
  void Add(void* data, size_t num_bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    regions_.insert({data, num_bytes});
    Protect(data, num_bytes);
  }
  void Remove(void* data, size_t num_bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    regions_.erase({data, num_bytes});
  }

  // Device memory is accessible while an Opening lives.
  class Opening {
   public:
    explicit Opening(GuardedMemory& memory) : memory_(memory) { memory_.SetOpen(true); }
    ~Opening() { memory_.SetOpen(false); }
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;

   private:
    GuardedMemory& memory_;
  };

 private:
  void SetOpen(bool open) {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = open;
    for (const auto& [data, num_bytes] : regions_) Protect(data, num_bytes);
  }
  void Protect(void* data, size_t num_bytes) const {
    FOREGATE_CHECK_EQ(mprotect(data, num_bytes, open_ ? PROT_READ | PROT_WRITE : PROT_NONE), 0);
  }

  std::mutex mutex_;
  bool open_ = false;
  std::set<std::pair<void*, size_t>> regions_;
};

class GuardedBuffer final : public DeviceBuffer {
 public:
  GuardedBuffer(std::unique_ptr<DeviceBuffer> buffer, std::shared_ptr<GuardedMemory> memory)
      : buffer_(std::move(buffer)), memory_(std::move(memory)) {
    if (buffer_->num_bytes() > 0) memory_->Add(buffer_->data(), buffer_->num_bytes());
  }
  ~GuardedBuffer() override {
    if (buffer_->num_bytes() > 0) memory_->Remove(buffer_->data(), buffer_->num_bytes());
  }
  void* data() override { return buffer_->data(); }
  size_t num_bytes() const override { return buffer_->num_bytes(); }

 private:
  std::unique_ptr<DeviceBuffer> buffer_;
  std::shared_ptr<GuardedMemory> memory_;
};

// Work that waits for someone to look at an event.
class DeferredQueue {
 public:
  explicit DeferredQueue(std::shared_ptr<GuardedMemory> memory) : memory_(std::move(memory)) {}

  void Push(std::function<absl::Status()> work) {
    work_.push_back(std::move(work));
    ++num_pushed_;
  }
  uint64_t num_pushed() const { return num_pushed_; }

  // Runs everything before point `end`; returns the first error there ever was.
  absl::Status RunUntil(uint64_t end) {
    if (num_run_ >= end) return status_;
    const GuardedMemory::Opening opening(*memory_);
    for (; num_run_ < end; ++num_run_) {
      const absl::Status status = work_.front()();
      work_.pop_front();
      if (status_.ok()) status_ = status;
    }
    return status_;
  }

 private:
  std::shared_ptr<GuardedMemory> memory_;
  std::deque<std::function<absl::Status()>> work_;
  uint64_t num_pushed_ = 0;
  uint64_t num_run_ = 0;
  absl::Status status_;
};

class DeferredStream final : public Stream {
 public:
  explicit DeferredStream(std::shared_ptr<GuardedMemory> memory)
      : queue_(std::make_shared<DeferredQueue>(std::move(memory))) {}
  const std::shared_ptr<DeferredQueue>& queue() const { return queue_; }

 private:
  std::shared_ptr<DeferredQueue> queue_;
};

class DeferredEvent final : public Event {
 public:
  explicit DeferredEvent(std::shared_ptr<DeferredQueue> queue) : queue_(std::move(queue)), end_(queue_->num_pushed()) {}
  // A failed stream is ready: Wait tells the error.
  bool Ready() const override {
    queue_->RunUntil(end_).IgnoreError();
    return true;
  }
  absl::Status Wait(std::chrono::steady_clock::time_point /*deadline*/) override { return queue_->RunUntil(end_); }

 private:
  std::shared_ptr<DeferredQueue> queue_;
  uint64_t end_;
};

DeferredQueue& QueueOf(Stream& stream) { return *static_cast<DeferredStream&>(stream).queue(); }

class FaultingDevice final : public Device {
 public:
  FaultingDevice() {
    info_.kind = "faulting";
    info_.isa = "scalar";
    info_.numeric_contract = kCpuNumericContract;
  }

  const DeviceInfo& info() const override { return info_; }
  absl::StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(size_t num_bytes, MemorySpace space) override {
    FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<DeviceBuffer> buffer, AllocateHostMemory(num_bytes));
    if (space == MemorySpace::kHost) return buffer;
    return std::make_unique<GuardedBuffer>(std::move(buffer), memory_);
  }
  std::unique_ptr<Stream> NewStream() override { return std::make_unique<DeferredStream>(memory_); }
  absl::Status CopyAsync(const TensorView& source, const TensorView& destination, Stream& stream) override {
    CheckCopy(source, destination);
    QueueOf(stream).Push([source, destination] {
      if (source.num_bytes() > 0) std::memcpy(destination.data(), source.data(), source.num_bytes());
      return absl::OkStatus();
    });
    return absl::OkStatus();
  }
  std::unique_ptr<Event> Record(Stream& stream) override {
    return std::make_unique<DeferredEvent>(static_cast<DeferredStream&>(stream).queue());
  }

 private:
  DeviceInfo info_;
  std::shared_ptr<GuardedMemory> memory_ = std::make_shared<GuardedMemory>();
};

class DeferredKernels final : public Kernels {
 public:
  absl::Status Embed(const EmbedArgs& args, Stream& stream) override { return Defer(&Kernels::Embed, args, stream); }
  absl::Status RmsNorm(const RmsNormArgs& args, Stream& stream) override {
    return Defer(&Kernels::RmsNorm, args, stream);
  }
  absl::Status Linear(const LinearArgs& args, Stream& stream) override { return Defer(&Kernels::Linear, args, stream); }
  absl::Status Clamp(const ClampArgs& args, Stream& stream) override { return Defer(&Kernels::Clamp, args, stream); }
  absl::Status Rope(const RopeArgs& args, Stream& stream) override { return Defer(&Kernels::Rope, args, stream); }
  absl::Status WriteKv(const WriteKvArgs& args, Stream& stream) override {
    return Defer(&Kernels::WriteKv, args, stream);
  }
  absl::Status PagedAttention(const PagedAttentionArgs& args, Stream& stream) override {
    return Defer(&Kernels::PagedAttention, args, stream);
  }
  absl::Status TopKRouter(const TopKRouterArgs& args, Stream& stream) override {
    return Defer(&Kernels::TopKRouter, args, stream);
  }
  absl::Status WeighExperts(const WeighExpertsArgs& args, Stream& stream) override {
    return Defer(&Kernels::WeighExperts, args, stream);
  }
  absl::Status GroupByExpert(const GroupByExpertArgs& args, Stream& stream) override {
    return Defer(&Kernels::GroupByExpert, args, stream);
  }
  absl::Status GroupedFfn(const GroupedFfnArgs& args, Stream& stream) override {
    return Defer(&Kernels::GroupedFfn, args, stream);
  }
  absl::Status Combine(const CombineArgs& args, Stream& stream) override {
    return Defer(&Kernels::Combine, args, stream);
  }
  absl::Status SwiGlu(const SwiGluArgs& args, Stream& stream) override { return Defer(&Kernels::SwiGlu, args, stream); }
  absl::Status Accumulate(const AccumulateArgs& args, Stream& stream) override {
    return Defer(&Kernels::Accumulate, args, stream);
  }
  absl::Status GatherRows(const GatherRowsArgs& args, Stream& stream) override {
    return Defer(&Kernels::GatherRows, args, stream);
  }
  absl::Status Fill(const FillArgs& args, Stream& stream) override { return Defer(&Kernels::Fill, args, stream); }
  absl::Status ArgMax(const ArgMaxArgs& args, Stream& stream) override { return Defer(&Kernels::ArgMax, args, stream); }

 private:
  // Captures the operands by value, as a launch does.
  template <typename Args>
  absl::Status Defer(absl::Status (Kernels::*operation)(const Args&, Stream&), const Args& args, Stream& stream) {
    QueueOf(stream).Push([kernels = kernels_, operation, args] {
      Stream unused;
      return (kernels.get()->*operation)(args, unused);
    });
    return absl::OkStatus();
  }

  std::shared_ptr<Kernels> kernels_ = MakeRefKernels();
};

}  // namespace

Backend MakeFaultingBackend() {
  Backend backend;
  backend.device = std::make_unique<FaultingDevice>();
  backend.kernels = std::make_unique<DeferredKernels>();
  return backend;
}

}  // namespace foregate
