// FetchQueue: experts that are being fetched from a file, cut into pieces for those who read, most urgent first; what
// comes back is verified, tried again within bounds, and ends the fetch.
//
// Pieces of one expert leave in a row, so that the first expert asked for is the first to be whole. A speculative fetch
// is overtaken by any other, piece by piece, and has few pieces under way, so that a demand never waits behind many.
//
// Thread-safe: the engine's thread pushes and waits, readers take and return. One lock, held for bookkeeping only.
#ifndef FOREGATE_ENGINE_MOE_STORE_FETCH_QUEUE_H_
#define FOREGATE_ENGINE_MOE_STORE_FETCH_QUEUE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_store.h"
#include "engine/moe/store/stored_experts.h"

namespace foregate {

// What one request reads: bytes of one part.
struct ReadPiece {
  ExpertFetch* fetch = nullptr;
  uint32_t part = 0;  // Projection
  uint64_t file_offset = 0;
  std::byte* destination = nullptr;
  uint32_t num_bytes = 0;
  FetchClass urgency = FetchClass::kDemand;  // was, when it was taken
  std::chrono::steady_clock::time_point taken_at;
};

struct FetchQueueOptions {
  uint32_t piece_bytes = 512u << 10;    // a multiple of kExpertAlignment
  size_t max_fetches = 0;               // pending at once: room for them is taken at the start
  uint32_t max_speculative_pieces = 2;  // under way at once
  uint32_t max_retries = 3;             // pieces or parts of one fetch that are read once more
};

class FetchQueue {
 public:
  // `directory` names experts in errors; it and `stored` must outlive the queue.
  FetchQueue(const ExpertDirectory& directory, const StoredExperts& stored, const FetchQueueOptions& options);

  // The engine's side; ExpertStore says what they do.
  void Push(ExpertFetch& fetch);
  void Raise(ExpertFetch& fetch, FetchClass urgency);
  bool Cancel(ExpertFetch& fetch);
  uint64_t num_ended() const { return num_ended_.load(std::memory_order_acquire); }
  absl::Status WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point deadline);

  // The readers' side. Take waits for a piece; nothing once the queue is stopped. Every piece taken is returned, with
  // what reading it gave; the reader that returns the last one of a part verifies the part.
  std::optional<ReadPiece> Take();
  // Without waiting: for a reader that waits for its reads as well, and looks again after each Return of its own.
  std::optional<ReadPiece> TryTake();
  // Before the first Push: `wake` is called, from any thread, when there may be a piece after TryTake found none, and
  // when the queue is stopped. It must not block.
  void WakeBy(std::function<void()> wake) { wake_ = std::move(wake); }
  bool is_open();
  void Return(const ReadPiece& piece, const absl::Status& read);
  // Readers get nothing any more; what they hold is returned as usual. Whether all of it was, within `grace`.
  bool Stop(std::chrono::milliseconds grace);

  const FetchCounters& counters() const { return counters_; }

 private:
  uint32_t NumPieces(const StoredPart& part) const;
  const StoredPart& PartOf(const ExpertFetch& fetch, uint32_t part) const {
    return stored_.experts[fetch.expert][part];
  }
  std::vector<ExpertFetch*>& QueueOf(const ExpertFetch& fetch) { return queues_[static_cast<size_t>(fetch.urgency)]; }
  ReadPiece PieceOf(ExpertFetch& fetch, uint32_t part, uint32_t piece) const;
  // There may be a piece to take. Lets go of the lock.
  void NotifyReaders(std::unique_lock<std::mutex>& lock);
  // All under the lock.
  std::optional<ReadPiece> NextPiece();
  ReadPiece HandOut(ExpertFetch& fetch);
  // Reads the pieces once more, or gives the fetch up.
  void RetryOrFail(ExpertFetch& fetch, uint32_t part, uint32_t first_piece, uint32_t num_pieces,
                   const absl::Status& why);
  void EndIfDone(ExpertFetch& fetch);
  // `ended_by`: the class in which the fetch began that a layer waited for; nothing while none has ended.
  void CountWait(std::chrono::steady_clock::duration waited, std::optional<FetchClass> ended_by);
  void NoteAnswer();

  absl::Status Verify(const ExpertFetch& fetch, uint32_t part) const;

  const ExpertDirectory& directory_;
  const StoredExperts& stored_;
  const FetchQueueOptions options_;
  FetchCounters counters_;
  std::atomic<uint64_t> num_ended_{0};
  std::function<void()> wake_;  // none: readers wait in Take

  std::mutex mutex_;
  std::condition_variable has_pieces_;
  std::condition_variable has_ended_;
  // Guarded by mutex_.
  std::array<std::vector<ExpertFetch*>, kNumFetchClasses> queues_;  // that have pieces to hand out, oldest first
  std::vector<ReadPiece> retries_;                                  // before all others
  uint32_t num_speculative_ = 0;                                    // pieces under way
  size_t num_out_ = 0;                                              // pieces not returned and verified yet
  size_t num_pending_ = 0;                                          // fetches
  bool is_waiting_ = false;                                         // the engine, and no fetch has ended since
  std::optional<FetchClass> ended_by_;                              // see CountWait
  std::chrono::steady_clock::duration waited_{0};  // until a fetch ended that no layer wanted yet: for the next one
  bool is_closed_ = false;
  bool has_disappointed_ = false;  // TryTake found nothing, and its reader was not woken since
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_FETCH_QUEUE_H_
