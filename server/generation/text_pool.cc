#include "server/generation/text_pool.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {

TextPool::TextPool(int32_t num_threads, size_t max_queued_calls)
    : max_queued_calls_(max_queued_calls), max_running_calls_(static_cast<size_t>(std::max(1, num_threads - 1))) {
  FOREGATE_CHECK_GE(num_threads, 1);
  FOREGATE_CHECK_GE(max_queued_calls, size_t{1});
  threads_.reserve(static_cast<size_t>(num_threads));
  for (int32_t i = 0; i < num_threads; ++i) threads_.emplace_back([this] { ThreadMain(); });
}

TextPool::~TextPool() { Stop(); }

absl::Status TextPool::Submit(Task task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::UnavailableError("the server is shutting down");
    if (calls_.size() >= max_queued_calls_) {
      return absl::ResourceExhaustedError("too many calls wait for a text thread: limit " +
                                          std::to_string(max_queued_calls_));
    }
    calls_.Push(std::move(task));
  }
  wake_.notify_one();
  return absl::OkStatus();
}

bool TextPool::Continue(Task task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return false;
    continuations_.Push(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void TextPool::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

TextPool::Task TextPool::TakeLocked(bool* is_call) {
  *is_call = false;
  if (!continuations_.empty()) return continuations_.Pop();
  if (calls_.empty() || num_running_calls_ >= max_running_calls_) return nullptr;
  *is_call = true;
  ++num_running_calls_;
  return calls_.Pop();
}

void TextPool::ThreadMain() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    bool is_call = false;
    Task task = TakeLocked(&is_call);
    if (task == nullptr) {
      if (stopping_ && calls_.empty() && continuations_.empty()) return;
      wake_.wait(lock);
      continue;
    }
    lock.unlock();
    task();
    task = nullptr;  // what it captured may be large, or the last reference to something: not under the lock
    lock.lock();
    if (is_call) {
      --num_running_calls_;
      wake_.notify_all();
    }
  }
}

}  // namespace foregate
