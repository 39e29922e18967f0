// FakeClock: time that tests move by hand. Thread-safe.
#ifndef FOREGATE_TESTS_FAKES_FAKE_CLOCK_H_
#define FOREGATE_TESTS_FAKES_FAKE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "engine/host/clock.h"

namespace foregate {

class FakeClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point Now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::microseconds(now_us_.load()));
  }
  void Advance(std::chrono::microseconds time) { now_us_.fetch_add(time.count()); }

 private:
  // A century from zero: a device that waits on the real clock until a faked deadline has time enough.
  std::atomic<int64_t> now_us_{int64_t{100} * 365 * 24 * 3600 * 1'000'000};
};

}  // namespace foregate

#endif  // FOREGATE_TESTS_FAKES_FAKE_CLOCK_H_
