// WaitingRows: the rows of a running layer as they are seen by who waits for their experts: how long they may wait, and
// which of them nobody wants any more.
#ifndef FOREGATE_ENGINE_MOE_WAITING_ROWS_H_
#define FOREGATE_ENGINE_MOE_WAITING_ROWS_H_

#include <chrono>
#include <cstdint>
#include <span>

namespace foregate {

// Asked by the thread that runs the step, now and then while it waits.
class WaitingRows {
 public:
  virtual ~WaitingRows() = default;
  // Until when a wait that begins now may last.
  virtual std::chrono::steady_clock::time_point wait_deadline() const = 0;
  // Sets is_dropped[row], of the layer's rows, to 1 where the row's request was cancelled or has expired, or its
  // sequence has failed, and to 0 elsewhere.
  virtual void FindDropped(std::span<uint8_t> is_dropped) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_WAITING_ROWS_H_
