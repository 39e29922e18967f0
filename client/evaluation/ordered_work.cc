#include "client/evaluation/ordered_work.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace foregate {
namespace {

class Line {
 public:
  Line(size_t count, size_t window, const std::function<void(size_t)>& work)
      : count_(count), window_(window), work_(work) {}

  // A thread's life.
  void Work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return is_stopped_ || next_ == count_ || next_ < num_taken_ + window_; });
      if (is_stopped_ || next_ == count_) return;
      const size_t index = next_++;
      lock.unlock();
      work_(index);
      lock.lock();
      done_.insert(index);
      changed_.notify_all();
    }
  }

  void WaitFor(size_t index) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return done_.count(index) > 0; });
  }

  void SetTaken(size_t index) {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_.erase(index);
    num_taken_ = index + 1;
    changed_.notify_all();
  }

  void Stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
  }

 private:
  const size_t count_;
  const size_t window_;
  const std::function<void(size_t)>& work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<size_t> done_;  // and not taken
  size_t next_ = 0;
  size_t num_taken_ = 0;
  bool is_stopped_ = false;
};

}  // namespace

absl::Status WorkInOrder(size_t count, size_t num_threads, size_t window, const std::function<void(size_t)>& work,
                         const std::function<absl::Status(size_t)>& take) {
  num_threads = std::min(num_threads, count);
  Line line(count, window, work);
  std::vector<std::thread> threads;
  absl::Status status;
  try {
    while (threads.size() < num_threads) threads.emplace_back([&line] { line.Work(); });
  } catch (const std::system_error& error) {
    status = absl::ResourceExhaustedError("cannot start " + std::to_string(num_threads) + " threads: " + error.what());
  }
  for (size_t i = 0; i < count && status.ok(); ++i) {
    line.WaitFor(i);
    status = take(i);
    line.SetTaken(i);
  }
  line.Stop();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace foregate
