// ExpertStore: the source of truth of expert weights, below the slots of the expert cache, and one expert's way from it
// into a slot (ExpertFetch).
//
//   fetch     meaning                                            leaves it by
//   idle      nothing is asked for; the store does not know it   Begin -> pending
//   pending   the store may write to the destination             the last byte was verified -> arrived;
//                                                                 an error that lasts -> failed; Cancel -> idle
//   arrived   work enqueued on the fetch's stream from now on    the cache gives the slot to another expert: Begin
//             may read the expert
//   failed    the destination holds anything; `error` says why   as arrived
#ifndef FOREGATE_ENGINE_MOE_EXPERT_STORE_H_
#define FOREGATE_ENGINE_MOE_EXPERT_STORE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "engine/host/engine_metrics.h"
#include "kernels/api/device.h"

namespace foregate {

// Why an expert is fetched, most urgent first.
enum class FetchClass : uint8_t {
  kDemand,       // a layer that runs now wants it
  kCommitted,    // a pre-gate has selected it: it will be used
  kSpeculative,  // a guess: may be cancelled
};
inline constexpr size_t kNumFetchClasses = 3;

enum class FetchState : uint8_t { kIdle, kPending, kArrived, kFailed };

// The owner (the cache) keeps it in place and its destination alive until it is no longer pending.
struct ExpertFetch {
  size_t expert = 0;                 // directory index
  std::byte* destination = nullptr;  // laid out as the directory says
  FetchClass urgency = FetchClass::kDemand;
  std::atomic<FetchState> state{FetchState::kIdle};
  absl::Status error;  // of kFailed: UNAVAILABLE or DATA_LOSS naming the file and the expert

  // The store's own account while the fetch is pending.
  struct {
    uint32_t next_part = 0;                    // of the piece to be handed out next
    uint32_t next_piece = 0;                   // in that part
    uint32_t num_out = 0;                      // pieces handed out and not returned
    std::array<uint32_t, 3> pieces_left = {};  // by part: not read yet
    uint32_t parts_left = 0;                   // not verified yet
    uint32_t num_retries = 0;
    FetchClass began_as = FetchClass::kDemand;
    std::chrono::steady_clock::time_point began_at;
  } progress;
};

// Of one read or one expert: from the page cache to a disk that is nearly stalled.
inline constexpr std::array<double, 18> kReadSeconds = {2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2,
                                                        2e-2, 5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10};

// What has passed since the start, and what is under way now. Readable at any time.
struct FetchCounters {
  // By class.
  template <typename T>
  using ByClass = std::array<T, kNumFetchClasses>;

  // Only grow.
  ByClass<std::atomic<uint64_t>> bytes_read{};  // by the fetch's class when they were read
  // The engine's waits, by the class in which the fetch began that was waited for: what nobody had foreseen, and what
  // came late. A wait counts when such a fetch has ended.
  ByClass<std::atomic<uint64_t>> wait_us{};
  std::atomic<uint64_t> num_retries{0};
  std::atomic<uint64_t> num_failed{0};    // fetches
  Histogram piece_seconds{kReadSeconds};  // from handing a piece out to its return
  // From asking for an expert until it was verified, by the fetch's class when it arrived.
  ByClass<Histogram> expert_seconds{Histogram{kReadSeconds}, Histogram{kReadSeconds}, Histogram{kReadSeconds}};

  // Now.
  ByClass<std::atomic<uint32_t>> num_pending{};     // fetches
  ByClass<std::atomic<uint32_t>> num_pieces_out{};  // by the fetch's class when they were handed out
  // On the steady clock: since when no read has ended although fetches are pending; 0 while none is.
  std::atomic<int64_t> silent_since_us{0};
  // How long that is, one look at it; 0 while none is pending.
  std::chrono::microseconds SilentFor(std::chrono::steady_clock::time_point now) const {
    const std::chrono::microseconds since(silent_since_us.load(std::memory_order_relaxed));
    if (since.count() == 0) return since;
    const auto silence = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()) - since;
    return std::max(silence, std::chrono::microseconds(0));
  }
};

// One thread (the engine's) calls it.
class ExpertStore {
 public:
  virtual ~ExpertStore() = default;
  // Begins to bring `fetch.expert` to `fetch.destination`; the fetch is idle, arrived or failed. Returns before the
  // bytes are there. The error of the device when a copy cannot be enqueued; the fetch is then idle.
  virtual absl::Status Begin(ExpertFetch& fetch, Stream& stream) = 0;
  // Makes a pending fetch more urgent; anything else is left as it is.
  virtual void Raise(ExpertFetch& fetch, FetchClass urgency) = 0;
  // True: nothing of it had begun, and the fetch is idle again. False: it goes on.
  virtual bool Cancel(ExpertFetch& fetch) = 0;
  // How many fetches have ended, arrived or failed; never less than before.
  virtual uint64_t num_ended() const = 0;
  // Returns when more fetches have ended than `seen`, or DEADLINE_EXCEEDED.
  virtual absl::Status WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point deadline) = 0;
  // Memory of destinations is about to be given back to the system: lets go of all that holds it, such as buffers that
  // are registered with the kernel.
  virtual void ReleaseMemory() {}
  // Nothing begins any more. Reads that are under way may still end the fetches that they complete, or fail; what else
  // is pending stays so. True: nothing is being written. False: after some time
  // something still is, by reads that hang and cannot be called back, so the pending fetches and their destinations
  // have to stay (left_behind.h).
  virtual bool Stop() { return true; }
  // Null when nothing is read.
  virtual const FetchCounters* counters() const { return nullptr; }
  // For a log: where experts come from, and how.
  virtual std::string description() const { return "host memory"; }
  // The file that they are read from; empty when they are in memory.
  virtual std::string file() const { return ""; }
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_STORE_H_
