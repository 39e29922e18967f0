// FifoQueue: a queue in one growing ring. Keeps its memory, where std::deque takes and gives back a piece every few
// elements; so pushing on a thread that must not allocate is free once the queue has been as long before.
#ifndef FOREGATE_SERVER_GENERATION_FIFO_QUEUE_H_
#define FOREGATE_SERVER_GENERATION_FIFO_QUEUE_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "kernels/base/check.h"

namespace foregate {

// T is default-constructible and movable. Thread-compatible.
template <typename T>
class FifoQueue {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  void Push(T value) {
    if (size_ == places_.size()) Grow();
    places_[(first_ + size_) % places_.size()] = std::move(value);
    ++size_;
  }

  // The oldest. The queue must not be empty.
  T Pop() {
    FOREGATE_CHECK(size_ > 0);
    T value = std::exchange(places_[first_], T());
    first_ = (first_ + 1) % places_.size();
    --size_;
    return value;
  }

 private:
  void Grow() {
    std::vector<T> larger(places_.empty() ? 16 : 2 * places_.size());
    for (size_t i = 0; i < size_; ++i) larger[i] = std::move(places_[(first_ + i) % places_.size()]);
    places_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> places_;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_FIFO_QUEUE_H_
