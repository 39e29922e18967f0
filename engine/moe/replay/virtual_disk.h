// VirtualDisk: one disk in virtual time. It serves one request after the other, at a bandwidth and a cost for each; a
// read is one expert, cut into requests. Most urgent reads begin first; what was handed to the disk cannot be
// taken back, so the bytes in flight are bounded.
//
// Deterministic. Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_VIRTUAL_DISK_H_
#define FOREGATE_ENGINE_MOE_REPLAY_VIRTUAL_DISK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace foregate {

// Why an expert is read, most urgent first.
enum class ReadClass : uint8_t { kDemand, kCommitted, kSpeculative };
inline constexpr size_t kNumReadClasses = 3;

// What the disk asks of the memory that it reads into. Experts are numbers.
class ReadRoom {
 public:
  virtual ~ReadRoom() = default;
  // The read is about to begin. False: there is no room for it now; a speculative read is then forgotten.
  virtual bool TakeRoom(size_t expert, ReadClass read_class) = 0;
  virtual void Arrive(size_t expert) = 0;
};

class VirtualDisk {
 public:
  struct Options {
    double bytes_per_second = 0;   // 0: requests take no time
    double request_seconds = 0;    // of each request, beside its bytes
    uint64_t request_bytes = 0;    // the most of one request; 0: an expert is one request
    uint64_t in_flight_bytes = 0;  // the most handed over and not served; at least one request always is
    // Of these, the most that were guesses when they were handed over; 0: as many as there may be.
    uint64_t guessed_in_flight_bytes = 0;
  };

  // `room` must outlive the disk.
  VirtualDisk(const Options& options, ReadRoom& room) : options_(options), room_(room) {}

  // A read that waits for its turn: by class, then as they came. The expert is not being read.
  void Enqueue(size_t expert, ReadClass read_class, uint64_t bytes);
  // Makes the read more urgent; false when there is none.
  bool Raise(size_t expert, ReadClass read_class);
  // Forgets the read if none of it has begun; whether it did.
  bool Cancel(size_t expert);
  // Bytes of the expert's read that have begun; 0 when there is none.
  uint64_t begun_bytes(size_t expert) const;

  // Serves requests until `time`.
  void AdvanceTo(double time);
  // Serves requests until an expert has arrived; false when there is nothing that can be served.
  bool AdvanceToArrival();
  double now() const { return now_; }

  // Begun so far, in the class that the request had then.
  const std::array<uint64_t, kNumReadClasses>& bytes() const { return bytes_; }
  double busy_seconds() const { return busy_seconds_; }

 private:
  struct Read {
    size_t expert = 0;
    ReadClass read_class = ReadClass::kDemand;
    uint64_t order = 0;
    uint64_t bytes = 0;
    uint64_t begun_bytes = 0;
    uint64_t arrived_bytes = 0;
    bool is_refused = false;  // there was no room for it a moment ago
  };
  struct Request {
    size_t expert = 0;
    uint64_t bytes = 0;
    bool is_guess = false;
    double done = 0;
  };
  Read* Find(size_t expert);
  // The most urgent read with bytes left to begin, among those that have room or can get it.
  Read* Next(bool may_guess);
  void Submit();
  // Serves the first request; whether an expert arrived whole.
  bool ServeOne();

  const Options options_;
  ReadRoom& room_;
  std::vector<Read> reads_;
  std::deque<Request> in_flight_;
  uint64_t in_flight_bytes_ = 0;
  uint64_t guessed_in_flight_bytes_ = 0;
  uint64_t num_enqueued_ = 0;
  double now_ = 0;
  double free_at_ = 0;
  double busy_seconds_ = 0;
  std::array<uint64_t, kNumReadClasses> bytes_ = {};
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_VIRTUAL_DISK_H_
